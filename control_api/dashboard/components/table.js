// A table of which the server gives one page at a time: ten thousand rows cost what fifty do.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Icon } from "./icon.js";
import { ErrorState, Loading, useLoad } from "./states.js";

export const PAGE_SIZE = 50;

/**
 * Loads a page of a list: `load({ limit, offset }, signal)` as `api.list` gives it. Gives what `DataTable` takes
 * as `page`. `offset` and `onOffset` keep the place elsewhere, such as in the address.
 */
export function usePage(load, inputs = [], { limit = PAGE_SIZE, offset, onOffset } = {}) {
  const [own, setOwn] = useState(0);
  const key = JSON.stringify(inputs);
  const before = useRef(key);
  useEffect(() => {
    if (before.current !== key && offset === undefined) setOwn(0);
    before.current = key;
  }, [key]);
  const at = offset ?? (before.current === key ? own : 0);
  const state = useLoad((signal) => load({ limit, offset: at }, signal), [...inputs, limit, at]);
  return { ...state, limit, offset: at, go: onOffset ?? setOwn };
}

/**
 * columns: [{ key, title, render?(item), align?: "end", wide?: true (left out on narrow screens), main?: true }].
 * page: what `usePage` gives. rowKey(item): its id. hrefOf?(item): where the row leads; the first column (or the
 * one with `main`) becomes the link. empty: what stands there when there are no rows. caption: what the table is.
 */
export function DataTable({ columns, page, rowKey = (item) => item.id, hrefOf, empty, caption }) {
  if (page.data === undefined) {
    return page.error ? html`<${ErrorState} error=${page.error} onRetry=${page.reload} />` : html`<${Loading} lines=${8} />`;
  }
  const { items, total, offset = page.offset } = page.data; // of the rows that are shown, while others may be on their way
  const failed = page.error && html`<p class="notice notice-bad" role="alert">${page.error.message}
    <button type="button" class="button" onClick=${page.reload}>Try again</button></p>`;
  if (!items.length && offset === 0) return html`${failed}${empty ?? html`<p class="muted">Nothing here.</p>`}`;
  const main = columns.find((column) => column.main) ?? columns[0];
  return html`${failed}
    <div class="table-frame" tabindex="0" role="region" aria-label=${caption} aria-busy=${page.busy}>
      <table class="table"><caption class="unseen">${caption}</caption>
        <thead><tr>${columns.map((column) => html`<th scope="col" class=${classOf(column)}>${column.title}</th>`)}</tr></thead>
        <tbody>${items.map((item) => html`<tr key=${rowKey(item)} class=${hrefOf ? "row-link" : ""}>
          ${columns.map((column) => html`<td class=${classOf(column)}>${
            hrefOf && column === main ? html`<a href=${hrefOf(item)}>${cell(column, item)}</a>` : cell(column, item)}</td>`)}
        </tr>`)}</tbody>
      </table>
    </div>
    <${Pager} total=${total} limit=${page.limit} offset=${offset} onGo=${page.go} />`;
}

/** "51 to 100 of 10,000" and the way to the other pages. */
export function Pager({ total, limit, offset, onGo }) {
  const pages = Math.max(1, Math.ceil(total / limit));
  const current = Math.floor(offset / limit) + 1;
  if (pages === 1 && offset === 0) return html`<p class="pager muted small">${total.toLocaleString()} in all</p>`;
  const step = (title, to, icon, back) => html`<button type="button" class="button button-icon ${back ? "turned" : ""}"
    aria-label=${title} title=${title} disabled=${to < 1 || to > pages} onClick=${() => onGo((to - 1) * limit)}>
    <${Icon} name=${icon} /></button>`;
  const jump = (event) => {
    const to = Math.min(pages, Math.max(1, Math.trunc(Number(event.target.value)) || current));
    event.target.value = to;
    onGo((to - 1) * limit);
  };
  return html`<nav class="pager" aria-label="Pages of the list">
    <span class="muted small">${(offset + 1).toLocaleString()} to ${Math.min(total, offset + limit).toLocaleString()} of ${total.toLocaleString()}</span>
    <span class="pager-steps">${step("Previous page", current - 1, "chevron", true)}
      <label>Page <input type="number" class="input input-short" min="1" max=${pages} value=${current} onChange=${jump} /> of ${pages.toLocaleString()}</label>
      ${step("Next page", current + 1, "chevron", false)}</span></nav>`;
}

function cell(column, item) {
  const value = column.render ? column.render(item) : item[column.key];
  return value === null || value === undefined || value === "" ? html`<span class="muted">–</span>` : value;
}

function classOf({ align, wide }) {
  return `${align === "end" ? "end" : ""} ${wide ? "wide-only" : ""}`.trim();
}
