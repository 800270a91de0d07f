// Buying a number from the gateway's stock.
import { html, useState } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { PageFrame } from "../components/page.js";
import { DataTable, usePage } from "../components/table.js";
import { Empty } from "../components/states.js";
import { SelectField, TextField } from "../components/form.js";
import { Confirm } from "../components/dialog.js";

const TYPES = ["local", "toll-free", "mobile"];
const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

export default function BuyNumber({ api, session, notify }) {
  const [wanted, setWanted] = useState({ country: "", type: "", prefix: "", contains: "" });
  const [chosen, setChosen] = useState(null);
  const filled = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value));
  const page = usePage(async (place, signal) => {
    const answer = await api.raw("POST", "/telephony/numbers/search", { body: { ...filled, ...place }, signal });
    const { data, pagination } = await answer.json();
    return { items: data, total: pagination.total };
  }, [JSON.stringify(filled)]);
  const set = (name) => (value) => setWanted((before) => ({ ...before, [name]: value }));
  const buy = async () => {
    const number = await api.post("/telephony/numbers/purchase", { phone_number: chosen.phone_number });
    notify(`${number.phone_number} is yours.`);
    navigate(`/numbers/${number.id}`);
  };
  const columns = [
    { key: "phone_number", title: "Number" }, { key: "type", title: "Kind", wide: true }, { key: "country", title: "Country", wide: true },
    { key: "cost", title: "A month", align: "end", render: (number) => money.format(number.monthly_cost_cents / 100) },
    { key: "buy", title: html`<span class="unseen">Buy</span>`, align: "end", render: (number) => session.role === "admin" && html`
      <button type="button" class="button button-small" aria-label="Buy ${number.phone_number}" onClick=${() => setChosen(number)}>Buy</button>` },
  ];
  const errors = page.error?.fields ?? {};
  return html`<${PageFrame} title="Buy a number" back=${{ href: hrefTo("/numbers"), label: "Numbers" }}>
    <form class="filters" role="search" aria-label="Search numbers" onSubmit=${(event) => event.preventDefault()}>
      <${TextField} label="Country" placeholder="US" maxlength="2" value=${wanted.country} error=${errors.country} onInput=${set("country")} />
      <${SelectField} label="Kind" placeholder="any" options=${TYPES} value=${wanted.type} onInput=${set("type")} />
      <${TextField} label="Begins with" inputmode="numeric" placeholder="1415" value=${wanted.prefix} error=${errors.prefix} onInput=${set("prefix")} />
      <${TextField} label="Contains" inputmode="numeric" value=${wanted.contains} error=${errors.contains} onInput=${set("contains")} /></form>
    <${DataTable} caption="Numbers for sale" columns=${columns} page=${page} rowKey=${(number) => number.phone_number}
      empty=${html`<${Empty} icon="hash" title="No number for sale fits">The gateway's operator fills the stock. <a href=${hrefTo("/numbers/import")}>Import one of your own</a> instead.<//>`} />
    ${chosen && html`<${Confirm} title="Buy ${chosen.phone_number}?" confirm="Buy it" danger=${false} onClose=${() => setChosen(null)} onConfirm=${buy}>
      <p>It costs ${money.format(chosen.monthly_cost_cents / 100)} a month until you give it back.</p><//>`}<//>`;
}
