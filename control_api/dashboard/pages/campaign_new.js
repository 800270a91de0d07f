// A new campaign: an agent, whom to call, when, and how fast. It is made as a draft.
import { html } from "../vendor/preact-htm.js";
import { hrefTo, navigate } from "../router.js";
import { Card, PageFrame } from "../components/page.js";
import { CheckField, Form, SelectField, TextArea, TextField, useForm } from "../components/form.js";
import { ChoicesField, FileField, Folded, NumberField, SecondsField, invalid } from "../components/fields.js";
import { optionsOf, useAll } from "../components/choices.js";

const SOURCES = [{ value: "folder", label: "a folder of contacts" }, { value: "file", label: "a CSV file" }, { value: "numbers", label: "these numbers" }];
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"].map((label, index) => ({ value: index + 1, label }));
const ROTATIONS = [{ value: "round_robin", label: "in turn" }, { value: "sequential", label: "the first that has room" }, { value: "random", label: "at random" }];
const OUTCOMES = ["no-answer", "busy", "rejected", "voicemail", "failed"].map((value) => ({ value, label: value.replace("-", " ") }));
const FRESH = {
  name: "", agent_id: "", source: "folder", folder_id: "", file: null, numbers: "", default_country: "",
  scheduled: true, schedule: { timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, working_days: [1, 2, 3, 4, 5], start_time: "09:00", end_time: "17:00", max_calls_per_day: "" },
  max_concurrent_calls: 10, calls_per_minute: "", number_rotation: "round_robin",
  retries: { max_attempts: 1, delay: "3600s", outcomes: ["no-answer", "busy", "failed"] },
};

export default function NewCampaign({ api, notify }) {
  const agents = useAll(api, "/agents", { status: "active" });
  const folders = useAll(api, "/folders");
  const form = useForm(FRESH, async (values) => {
    const campaign = await api.post("/batch-calls", await bodyOf(values));
    notify(`${campaign.name} was made. It calls nobody before you start it.`);
    navigate(`/campaigns/${campaign.id}`);
  });
  const { values, errors } = form;
  const agent = agents.data?.find((each) => each.id === values.agent_id);
  return html`<${PageFrame} title="New campaign" lead="Made as a draft: nobody is called before you start it." back=${{ href: hrefTo("/campaigns"), label: "Campaigns" }}>
    <${Card}><${Form} form=${form} label="Make the campaign">
      <${TextField} label="Name" required ...${form.bind("name")} />
      <${SelectField} label="Agent" required placeholder="choose an agent" options=${optionsOf(agents.data)} ...${form.bind("agent_id")}
        hint=${agent && !agent.outbound_phone_numbers.length ? html`It has no number to call from. <a href=${hrefTo("/numbers")}>Give it one</a>` : undefined} />
      <${SelectField} label="Calls" options=${SOURCES} ...${form.bind("source")} />
      ${values.source === "folder" && html`<${SelectField} label="Folder" required placeholder="choose a folder" ...${form.bind("folder_id")}
        options=${optionsOf(folders.data, (folder) => `${folder.name} (${folder.contact_count.toLocaleString()})`)} />`}
      ${values.source === "file" && html`<${FileField} label="CSV file" required accept=".csv,.tsv,.txt,text/csv" ...${form.bind("file")} error=${errors.csv ?? errors.file} />
        <${TextField} label="Country of numbers without one" maxlength="2" placeholder="US" ...${form.bind("default_country")} />`}
      ${values.source === "numbers" && html`<${TextArea} label="Numbers" required rows=${4} placeholder="+14155550123" ...${form.bind("numbers")} error=${errors.numbers ?? contactError(errors)} hint="One a line, with the country code." />`}
      <fieldset class="side-fields"><legend>When</legend><${CheckField} label="Only at these times" ...${form.bind("scheduled")} error=${errors.schedule} />
        ${values.scheduled && html`<${ChoicesField} label="Days" inline options=${DAYS} ...${form.bind("schedule.working_days")} />
          <div class="form-grid"><${TextField} label="From" type="time" ...${form.bind("schedule.start_time")} /><${TextField} label="Until" type="time" ...${form.bind("schedule.end_time")} />
            <${TextField} label="Time zone" ...${form.bind("schedule.timezone")} /><${NumberField} label="Calls a day" min="1" ...${form.bind("schedule.max_calls_per_day")} hint="Empty: no limit." /></div>`}</fieldset>
      <${Folded} title="Speed and numbers" note="${values.max_concurrent_calls || 10} calls at once" errors=${errors} fields=${["max_concurrent_calls", "calls_per_minute", "number_rotation"]}>
        <div class="form-grid"><${NumberField} label="Calls at once" min="1" max="1000" ...${form.bind("max_concurrent_calls")} />
          <${NumberField} label="New calls a minute" min="1" ...${form.bind("calls_per_minute")} hint="Empty: no limit." />
          <${SelectField} label="The agent's numbers are used" options=${ROTATIONS} ...${form.bind("number_rotation")} /></div><//>
      <${Folded} title="Calling again" note=${values.retries.max_attempts > 1 ? `${values.retries.max_attempts} tries` : "never"} errors=${errors} fields=${["retries"]}>
        <div class="form-grid"><${NumberField} label="Tries, the first included" min="1" max="10" ...${form.bind("retries.max_attempts")} />
          <${SecondsField} label="After, in seconds" ...${form.bind("retries.delay")} /></div>
        <${ChoicesField} label="When it was" inline options=${OUTCOMES} ...${form.bind("retries.outcomes")} /><//><//><//><//>`;
}

async function bodyOf(values) {
  const { timezone, working_days, start_time, end_time, max_calls_per_day } = values.schedule;
  return {
    name: values.name,
    agent_id: values.agent_id,
    ...await sourceOf(values),
    ...(values.scheduled ? { schedule: { timezone, working_days: [...working_days].sort(), start_time, end_time, max_calls_per_day: max_calls_per_day === "" ? null : max_calls_per_day } } : {}),
    max_concurrent_calls: values.max_concurrent_calls === "" ? 10 : values.max_concurrent_calls,
    calls_per_minute: values.calls_per_minute === "" ? null : values.calls_per_minute,
    number_rotation: values.number_rotation,
    retries: { ...values.retries, max_attempts: values.retries.max_attempts === "" ? 1 : values.retries.max_attempts },
  };
}

async function sourceOf(values) {
  if (values.source === "folder") {
    if (!values.folder_id) throw invalid("folder_id", "choose a folder");
    return { folder_id: values.folder_id };
  }
  if (values.source === "file") {
    if (!values.file) throw invalid("file", "choose a file");
    return { csv: await values.file.text(), ...(values.default_country ? { default_country: values.default_country } : {}) };
  }
  const numbers = values.numbers.split(/[\n,;]/).map((line) => line.replaceAll(/[\s()./-]/g, "")).filter(Boolean);
  if (!numbers.length) throw invalid("numbers", "name one at least");
  return { contacts: numbers.map((number) => ({ phone_number: number })) };
}

/** The first error of the numbers, with the line it is in. */
function contactError(errors) {
  const found = Object.entries(errors).find(([name]) => name.startsWith("contacts"));
  if (!found) return undefined;
  const line = found[0].split(".")[1];
  return line === undefined ? found[1] : `Line ${Number(line) + 1} ${found[1]}`;
}
