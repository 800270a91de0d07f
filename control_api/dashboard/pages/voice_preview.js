// A voice to be heard before it is chosen.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Icon } from "../components/icon.js";

/** A button that plays how the voice sounds. `voice` may be undefined: none is chosen. */
export function VoicePreview({ api, voice, short = false }) {
  const [state, setState] = useState({ busy: false, error: null, source: null });
  const player = useRef(null);
  const asking = useRef(null);
  const show = (news) => setState((before) => {
    if (before.source) URL.revokeObjectURL(before.source);
    return { busy: false, error: null, source: null, ...news };
  });
  // What was asked for another voice, or for a page that is gone, comes too late.
  useEffect(() => () => {
    asking.current?.abort();
    show({});
  }, [voice?.id]);
  useEffect(() => { player.current?.play().catch(() => {}); }, [state.source]);
  if (!voice) return null;
  const hear = async () => {
    const { signal } = (asking.current = new AbortController());
    show({ busy: true });
    try {
      const answer = await api.raw("GET", `/voices/${voice.id}/preview`, { signal });
      const sound = await answer.blob();
      if (!signal.aborted) show({ source: URL.createObjectURL(sound) });
    } catch (error) {
      if (!signal.aborted) show({ error });
    }
  };
  return html`<div class="row"><button type="button" class="button button-small" disabled=${state.busy} onClick=${hear}>
      <${Icon} name="play" />${short ? html`Hear<span class="unseen"> ${voice.name}</span>` : `Hear ${voice.name}`}</button>
    ${state.source && html`<audio class="voice-player" ref=${player} src=${state.source} controls aria-label="How ${voice.name} sounds"></audio>`}
    ${state.error && html`<span class="muted small" role="status">${state.error.message}</span>`}</div>`;
}
