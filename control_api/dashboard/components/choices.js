// Lists of objects to choose from, such as agents and trunks, and doing something that may be refused.
import { useCallback, useState } from "../vendor/preact-htm.js";
import { useLoad } from "./states.js";

const AT_ONCE = 100;
const MOST = 1_000;

/** All objects of a list (a thousand at most), as `useLoad` gives them. */
export function useAll(api, path, query = {}) {
  return useLoad((signal) => allOf(api, path, query, signal), [api, path, JSON.stringify(query)]);
}

async function allOf(api, path, query, signal) {
  const items = [];
  for (let offset = 0; offset < MOST; offset += AT_ONCE) {
    const page = await api.list(path, { ...query, limit: AT_ONCE, offset }, { signal });
    items.push(...page.items);
    if (!page.hasMore) break;
  }
  return items;
}

/** Objects as the options of a field. */
export function optionsOf(items, label = (item) => item.name) {
  return (items ?? []).map((item) => ({ value: item.id, label: label(item) }));
}

/**
 * Runs actions that change something, one at a time: `act(work, done)` tells `done` when it went well and the
 * reason when it did not. Returns [act, busy]; act gives what `work` gave, or undefined.
 */
export function useAction(notify) {
  const [busy, setBusy] = useState(false);
  const act = useCallback(async (work, done) => {
    setBusy(true);
    try {
      const result = await work();
      if (done) notify(done);
      return result ?? null;
    } catch (error) {
      notify(error.message, "bad");
      return undefined;
    } finally {
      setBusy(false);
    }
  }, [notify]);
  return [act, busy];
}
