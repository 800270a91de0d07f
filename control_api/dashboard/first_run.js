// Whoever may build and has nothing yet is led to the first steps instead of a page of zeros.
import { useEffect, useRef } from "./vendor/preact-htm.js";
import { navigate } from "./router.js";

/** Looks once, when the reader comes in by the dashboard's plain address. */
export function useFirstRun(api, session) {
  const looked = useRef(false);
  useEffect(() => {
    if (looked.current || session?.role !== "admin") return;
    looked.current = true;
    if (!atHome()) return;
    api.list("/agents", { limit: 1 }).then(({ total }) => {
      if (total === 0 && atHome()) navigate("/start", {}, { replace: true });
    }, () => {}); // the page that is open tells what is wrong
  }, [session]);
}

function atHome() {
  return ["", "#", "#/"].includes(location.hash);
}
