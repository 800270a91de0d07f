// <trunkline-call>: a voice call with an agent, for any page. Attributes, parts, variables and events are in
// docs/widget.md; what the call does is in sdk.js.

import { CallError, canChooseOutput, createCall } from "./sdk.js";
import { changeIcon, h, icon } from "./widget/dom.js";
import { sheet } from "./widget/styles.js";
import { TEXTS, errorText, textAttributes } from "./widget/texts.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const LIVE = ["listening", "thinking", "speaking"];

export class TrunklineCall extends HTMLElement {
  static observedAttributes = ["agent-name", ...textAttributes];

  #call = null;
  #view = null;
  #lines = new Map();

  connectedCallback() {
    if (this.#view) return;
    if (Object.hasOwn(this, "variables")) {
      const given = this.variables; // set before this file was there
      delete this.variables;
      this.variables = given;
    }
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    this.#build();
    this.#show();
  }

  /** A call does not outlive its widget. (An element that is only moved is back at once.) */
  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.hangUp());
  }

  attributeChangedCallback() {
    if (this.#view) this.#show();
  }

  /** The call of the SDK, while there is one. */
  get call() {
    return this.#call;
  }

  get state() {
    return this.#call?.state ?? "idle";
  }

  /** What the page says about its visitor: the attribute `variables`, a JSON object, or this property. */
  get variables() {
    return this._variables ?? JSON.parse(this.getAttribute("variables") || "null") ?? undefined;
  }

  set variables(given) {
    this._variables = given;
  }

  /** As if the button were pressed; from within a gesture. */
  async start() {
    if (this.#call?.active) return;
    this.#tell("");
    let options;
    try {
      options = this.#options();
    } catch (cause) {
      const error = new CallError("invalid_attribute", "An attribute cannot be read.", { cause });
      this._error(error);
      this.dispatchEvent(new CustomEvent("call-error", { detail: error, bubbles: true, composed: true }));
      return;
    }
    const call = (this.#call = createCall(options));
    this.#lines.clear();
    this.#view.transcript.replaceChildren();
    for (const name of ["state", "transcript", "level", "muted", "devices", "error", "ended"]) {
      call.addEventListener(name, (event) => this.#on(call, name, event.detail));
    }
    call.setVolume(this.#view.volume.value / 100);
    try {
      await call.start();
    } catch {
      return; // told by an event
    }
    this.#show();
  }

  hangUp() {
    this.#call?.hangUp();
  }

  #options() {
    const of = (name) => this.getAttribute(name) ?? undefined;
    const options = {
      widget: of("widget"),
      agent: of("agent"),
      token: of("token"),
      joinUrl: of("join-url"),
      tokenUrl: of("token-url"),
      variables: this.variables,
      agentName: of("agent-name"),
      inputDeviceId: this.#view.microphone.value,
      outputDeviceId: this.#view.speaker.value,
      relayOnly: this.hasAttribute("relay-only"),
    };
    if (of("base")) options.base = new URL(of("base"), document.baseURI).href;
    return options;
  }

  #text(name) {
    const text = this.getAttribute(`text-${name}`) ?? TEXTS[name];
    return text.replaceAll("{agent}", () => this.#agentName());
  }

  #agentName() {
    return this.getAttribute("agent-name") ?? this.#call?.agentName ?? this.getAttribute("text-agent") ?? TEXTS.agent;
  }

  // --- what is shown

  #build() {
    const view = (this.#view = {});
    const labelled = (name, properties, picture) => {
      const label = h("span");
      const drawn = icon(picture);
      const button = h("button", { type: "button", ...properties }, drawn, label);
      Object.assign(view, { [name]: button, [`${name}Label`]: label, [`${name}Icon`]: drawn });
      return button;
    };
    const toggle = (name, id) => ({
      part: `button ${name}`,
      "aria-expanded": "false",
      "aria-controls": id,
      onclick: () => this.#unfold(name, view[id].hidden),
    });
    const named = (name, control) => h("label", {}, (view[`${name}Text`] = h("span")), (view[name] = control));
    const level = (name) => [
      (view[`${name}Name`] = h("span")),
      h("span", { class: "track", part: "track" }, (view[name] = h("span", { class: "bar", part: "bar" }))),
    ];
    view.startText = h("span");
    view.start = h("button", { type: "button", class: "main", part: "button start", onclick: () => this.start() }, icon("call"), h("slot", { name: "start" }, view.startText));
    view.panel = h(
      "div",
      { class: "panel", part: "panel", role: "group" },
      h("div", { class: "head" },
        h("span", { class: "title", part: "title" }, h("slot", { name: "title" }, (view.title = h("span")))),
        (view.state = h("span", { class: "state", part: "state", role: "status" }))),
      (view.error = h("p", { class: "error", part: "error", role: "alert" })),
      (view.sound = h("button", { type: "button", part: "button sound", hidden: true, onclick: () => this.#resume() })),
      (view.levels = h("div", { class: "levels", part: "levels", "aria-hidden": "true", hidden: true }, ...level("input"), ...level("output"))),
      (view.transcript = h("div", { class: "transcript", part: "transcript", role: "log", tabindex: "0" })),
      view.start,
      (view.controls = h("div", { class: "controls", part: "controls", hidden: true },
        labelled("mute", { part: "button mute", "aria-pressed": "false", onclick: () => this.#call?.mute(!this.#call.muted) }, "microphone"),
        labelled("keypad", toggle("keypad", "keys"), "keypad"),
        labelled("settings", toggle("settings", "sheet"), "settings"),
        labelled("hangUp", { class: "end", part: "button hang-up", onclick: () => this.hangUp() }, "hang-up"))),
      (view.keys = h("div", { id: "keys", class: "keypad", part: "keypad", role: "group", hidden: true, onkeydown: (event) => this.#type(event) },
        ...KEYS.map((key) => h("button", { type: "button", part: "button key", onclick: () => this.#press(key) }, key)))),
      (view.sheet = h("div", { id: "sheet", class: "settings", part: "settings", role: "group", hidden: true },
        named("microphone", h("select", { onchange: () => this.#choose("setInputDevice", view.microphone) })),
        named("speaker", h("select", { onchange: () => this.#choose("setOutputDevice", view.speaker) })),
        named("volume", h("input", { type: "range", min: "0", max: "100", value: "100", oninput: () => this.#call?.setVolume(view.volume.value / 100) })))),
      (view.write = h("form", { class: "write", part: "write", hidden: true, onsubmit: (event) => this.#write(event) },
        (view.message = h("input", { type: "text", part: "input", maxlength: "2000", autocomplete: "off", enterkeyhint: "send" })),
        (view.send = h("button", { type: "submit", part: "button send" }, icon("send"))))),
      (view.news = h("span", { class: "unseen", role: "status" })),
      h("slot", { name: "footer" }),
    );
    view.speaker.parentElement.hidden = !canChooseOutput();
    for (const select of [view.microphone, view.speaker]) select.append(h("option", { value: "" }));
    this.shadowRoot.append(view.panel);
  }

  /** Everything that depends on the state and on texts. */
  #show() {
    const view = this.#view;
    const state = this.state;
    const active = Boolean(this.#call?.active);
    const muted = Boolean(this.#call?.muted);
    const words = {
      title: this.#agentName(),
      startText: this.#text(state === "ended" ? "again" : "start"),
      muteLabel: this.#text(muted ? "unmute" : "mute"),
      keypadLabel: this.#text("keypad"),
      settingsLabel: this.#text("settings"),
      hangUpLabel: this.#text("hang-up"),
      microphoneText: this.#text("microphone"),
      speakerText: this.#text("speaker"),
      volumeText: this.#text("volume"),
      inputName: this.#text("you"),
      outputName: this.#agentName(),
      sound: this.#text("enable-sound"),
      state: this.#text(state),
    };
    for (const [name, text] of Object.entries(words)) {
      if (view[name].textContent !== text) view[name].textContent = text;
    }
    for (const [name, text] of [["panel", "label"], ["transcript", "transcript"], ["keys", "keypad"], ["sheet", "settings"], ["message", "message"], ["send", "send"]]) {
      view[name].setAttribute("aria-label", this.#text(text));
    }
    view.message.placeholder = this.#text("message");
    for (const select of [view.microphone, view.speaker]) select.options[0].textContent = this.#text("default-device");
    view.state.classList.toggle("live", LIVE.includes(state));
    view.mute.classList.toggle("on", muted);
    changeIcon(view.muteIcon, muted ? "microphone-off" : "microphone");
    const focused = this.shadowRoot.activeElement;
    view.start.hidden = active;
    for (const name of ["controls", "levels", "write"]) view[name].hidden = !active;
    if (!active) {
      this.#unfold(null);
      view.sound.hidden = true;
    }
    // Who uses a keyboard is not left on a button that has gone.
    if (focused?.closest("[hidden]")) (active ? view.hangUp : view.start).focus();
    this.setAttribute("state", state);
  }

  #unfold(name, open) {
    for (const [each, id] of [["keypad", "keys"], ["settings", "sheet"]]) {
      const shown = each === name && open;
      this.#view[id].hidden = !shown;
      this.#view[each].setAttribute("aria-expanded", String(shown));
      this.#view[each].classList.toggle("on", shown);
    }
  }

  #tell(text) {
    this.#view.error.textContent = text;
  }

  // --- what the call tells

  #on(call, name, detail) {
    if (call !== this.#call) return; // of the one before
    this[`_${name}`]?.(detail);
    if (name !== "level") {
      this.dispatchEvent(new CustomEvent(`call-${name}`, { detail, bubbles: true, composed: true }));
    }
  }

  _state() {
    this.#show();
  }

  _ended() {
    for (const side of ["input", "output"]) this.#view[side].style.setProperty("--level", 0);
  }

  _level(levels) {
    for (const side of ["input", "output"]) this.#view[side].style.setProperty("--level", levels[side].toFixed(2));
  }

  _muted({ muted, byServer }) {
    if (byServer) return;
    this.#view.news.textContent = this.#text(muted ? "muted" : "unmuted");
    this.#show();
  }

  _error(error) {
    if (error.code === "playback_blocked") {
      this.#view.sound.hidden = false;
      return;
    }
    this.#tell(this.#text(errorText(error)));
  }

  _devices({ inputs, outputs }) {
    for (const [select, devices] of [[this.#view.microphone, inputs], [this.#view.speaker, outputs]]) {
      const chosen = select.value;
      const options = devices.filter(({ deviceId }) => deviceId !== "default").map(({ deviceId, label }, place) => h("option", { value: deviceId }, label || `${place + 1}`));
      select.replaceChildren(select.options[0], ...options);
      select.value = devices.some(({ deviceId }) => deviceId === chosen) ? chosen : "";
    }
  }

  /** Readers hear a line once, when it is final; until then it is only seen. */
  _transcript({ speaker, text, isFinal, ordinal }) {
    const log = this.#view.transcript;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const key = `${ordinal} ${speaker}`;
    const old = this.#lines.get(key);
    const who = speaker === "agent" ? this.#agentName() : this.#text("you");
    const line = h(
      "div",
      { class: `line ${speaker} ${isFinal ? "" : "partial"}`, part: `line ${speaker}`, "aria-hidden": isFinal ? null : "true", dir: "auto" },
      h("span", { class: "who", part: "who" }, who),
      text,
    );
    line.ordinal = ordinal;
    this.#lines.set(key, line);
    if (old) old.replaceWith(line);
    else log.insertBefore(line, [...log.children].find((other) => other.ordinal > ordinal) ?? null);
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  // --- what the person does

  async #resume() {
    this.#view.sound.hidden = true;
    await this.#call?.resumePlayback().catch(() => (this.#view.sound.hidden = false));
  }

  #press(key) {
    if (this.#call?.active) this.#call.sendDigits(key);
  }

  #type(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (KEYS.includes(event.key)) this.#press(event.key);
    else if (event.key === "Escape") {
      this.#unfold(null);
      this.#view.keypad.focus();
    }
  }

  #choose(method, select) {
    this.#call?.[method](select.value).catch((error) => this._error(error));
  }

  #write(event) {
    event.preventDefault();
    const { message } = this.#view;
    if (!message.value.trim() || !this.#call?.active) return;
    this.#call.sendText(message.value);
    message.value = "";
  }
}

customElements.get("trunkline-call") ?? customElements.define("trunkline-call", TrunklineCall);
