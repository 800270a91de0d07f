// The client of the HTTP API. The credential is the session's cookie, which no script can read; what changes
// something carries a header that another site's page cannot send without being asked for it first.

export const API_PREFIX = "/api/public/v1";
const CSRF_HEADER = "X-Trunkline-Dashboard";
const TIMEOUT_MS = 30_000;

/** What the API, or the way to it, refused. `status` is 0 when there was no answer. */
export class ApiError extends Error {
  constructor(status, code, message, details = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = details;
    this.field = details.field ?? null;
    /** Message by field name, of a 422. */
    this.fields = Object.fromEntries((details.errors ?? []).map(({ field, message: text }) => [field, text]));
    this.retryAfter = details.retry_after ?? null;
    this.requestId = null;
  }
}

/** The path of an API call with its query; empty values are left out. */
export function apiUrl(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.append(name, value);
  }
  const tail = parameters.toString();
  return API_PREFIX + path + (tail ? `?${tail}` : "");
}

/** Makes a client. `onSignedOut()` is called when a session has ended. */
export function createApi({ onSignedOut = () => {} } = {}) {
  async function fetchAnswer(method, path, { query, body, headers = {}, signal } = {}) {
    const request = { method, headers: { Accept: "application/json", ...headers }, credentials: "same-origin" };
    if (method !== "GET" && method !== "HEAD") request.headers[CSRF_HEADER] = "1";
    if (body instanceof FormData || body instanceof Blob) {
      request.body = body;
    } else if (body !== undefined) {
      request.headers["Content-Type"] = "application/json";
      request.body = JSON.stringify(body);
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    request.signal = signal ? AbortSignal.any([signal, timeout]) : timeout;
    let answer;
    try {
      answer = await fetch(apiUrl(path, query), request);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, "unreachable", "The gateway does not answer. Is it running, and are you connected?");
    }
    if (!answer.ok) throw await errorOf(answer, path);
    return answer;
  }

  async function errorOf(answer, path) {
    let parsed = {};
    try {
      parsed = await answer.json();
    } catch { /* not from the API, perhaps from a proxy before it */ }
    const told = parsed.error ?? { code: "unexpected", message: `The gateway answered ${answer.status}.` };
    const error = new ApiError(answer.status, told.code, told.message, told.details);
    error.requestId = parsed.meta?.request_id ?? answer.headers.get("X-Request-Id");
    if (answer.status === 401 && path !== "/session") onSignedOut();
    return error;
  }

  async function parsed(method, path, options) {
    const answer = await fetchAnswer(method, path, options);
    if (answer.status === 204) return null;
    const text = await answer.text();
    return text ? JSON.parse(text) : null;
  }

  const data = async (...request) => {
    const answer = await parsed(...request);
    return answer !== null && typeof answer === "object" && "data" in answer ? answer.data : answer;
  };

  return {
    /** Each gives the answer's `data` (null for 204) and throws `ApiError`. */
    get: (path, query, options) => data("GET", path, { query, ...options }),
    post: (path, body, options) => data("POST", path, { body, ...options }),
    put: (path, body, options) => data("PUT", path, { body, ...options }),
    patch: (path, body, options) => data("PATCH", path, { body, ...options }),
    del: (path, body, options) => data("DELETE", path, { body, ...options }),
    /** A page of a list: { items, total, limit, offset, hasMore }. */
    async list(path, query, options) {
      const answer = await parsed("GET", path, { query, ...options });
      const { total, limit, offset, has_more: hasMore } = answer.pagination ?? {};
      return {
        items: answer.data,
        total: total ?? answer.data.length,
        limit: limit ?? answer.data.length,
        offset: offset ?? 0,
        hasMore: hasMore ?? false,
      };
    },
    /** The `Response` itself: for downloads, text and streams. */
    raw: (method, path, options) => fetchAnswer(method, path, options),
    url: apiUrl,
  };
}
