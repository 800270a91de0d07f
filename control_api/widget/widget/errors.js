// What can go wrong in a call, one code per cause.

/** An error with a `code` that a program can tell apart; `retryAfter` is seconds, where waiting helps. */
export class CallError extends Error {
  constructor(code, message, { status = 0, retryAfter = 0, fatal = true, cause } = {}) {
    super(message, { cause });
    this.name = "CallError";
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.fatal = fatal;
  }
}

const MICROPHONE = {
  NotAllowedError: ["microphone_denied", "The microphone may not be used: permission was denied."],
  SecurityError: ["microphone_denied", "The microphone may not be used on this page."],
  NotFoundError: ["microphone_not_found", "There is no microphone."],
  OverconstrainedError: ["microphone_not_found", "The chosen microphone is not there."],
  NotReadableError: ["microphone_busy", "The microphone is used by another program."],
  AbortError: ["microphone_busy", "The microphone could not be started."],
};

export function microphoneError(cause) {
  const [code, message] = MICROPHONE[cause?.name] ?? ["microphone_failed", "The microphone cannot be used."];
  return new CallError(code, message, { cause });
}

const REFUSED = {
  401: "token_refused",
  403: "forbidden",
  404: "not_found",
  409: "token_used",
  410: "token_refused",
  422: "invalid_request",
  429: "rate_limited",
  502: "agent_unavailable",
  503: "unavailable",
};

/** The error that an HTTP answer stands for: the gateway's own code, else one by the status. */
export async function refusal(response) {
  let told = {};
  try {
    told = (await response.json()).error ?? {};
  } catch {
    // Not one of the gateway's answers: the status has to do.
  }
  const status = response.status;
  return new CallError(
    told.code ?? REFUSED[status] ?? "refused",
    told.message ?? `The server answered ${status}.`,
    { status, retryAfter: Number(response.headers.get("Retry-After")) || 0 },
  );
}
