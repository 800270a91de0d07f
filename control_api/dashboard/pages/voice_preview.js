// A voice to be heard before it is chosen.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Icon } from "../components/icon.js";

/** A button that plays how the voice sounds. `voice` may be undefined: none is chosen. */
export function VoicePreview({ api, voice, short = false }) {
  const [state, setState] = useState({ busy: false, error: null, source: null });
  const player = useRef(null);
  const clear = () => setState((before) => {
    if (before.source) URL.revokeObjectURL(before.source);
    return { busy: false, error: null, source: null };
  });
  useEffect(() => clear, [voice?.id]);
  useEffect(() => { player.current?.play().catch(() => {}); }, [state.source]);
  if (!voice) return null;
  const hear = async () => {
    setState({ busy: true, error: null, source: null });
    try {
      const answer = await api.raw("GET", `/voices/${voice.id}/preview`);
      setState({ busy: false, error: null, source: URL.createObjectURL(await answer.blob()) });
    } catch (error) {
      setState({ busy: false, error, source: null });
    }
  };
  return html`<div class="row"><button type="button" class="button button-small" disabled=${state.busy} onClick=${hear}>
      <${Icon} name="play" />${short ? html`Hear<span class="unseen"> ${voice.name}</span>` : `Hear ${voice.name}`}</button>
    ${state.source && html`<audio class="voice-player" ref=${player} src=${state.source} controls aria-label="How ${voice.name} sounds"></audio>`}
    ${state.error && html`<span class="muted small" role="status">${state.error.message}</span>`}</div>`;
}
