// A stream of Server-Sent Events that looks after itself: it comes back when the connection breaks, and tells
// whether it is connected.
import { useEffect, useRef, useState } from "./vendor/preact-htm.js";

const AGAIN_MS = 3_000;

/**
 * Listens to a stream of the API: `handlers` by the event's name get its data, parsed. Returns "connecting",
 * "open" or "broken". `onRefused()` is called when the API does not open the stream, after which it is tried again.
 */
export function useEvents(url, handlers, onRefused) {
  const [state, setState] = useState("connecting");
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => {
    if (!url) return undefined;
    let source = null;
    let timer = null;
    const open = () => {
      source = new EventSource(url);
      source.onopen = () => setState("open");
      source.onerror = () => {
        setState("broken");
        if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
        onRefused?.();
        timer = setTimeout(open, AGAIN_MS);
      };
      for (const name of Object.keys(handlers)) {
        source.addEventListener(name, (event) => latest.current[name](JSON.parse(event.data)));
      }
    };
    open();
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [url]);
  return state;
}
