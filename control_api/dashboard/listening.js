// Hearing a call live: the gateway's WebSocket of PCM, played through an audio worklet. The contact is left,
// the agent right, as in a recording.

/** Starts listening. Gives { stop() }; `onEnd(reason)` is called once when it is over for another reason. */
export async function listenTo(api, callId, { onEnd, onDropped = () => {} }) {
  const { url } = await api.post(`/calls/${callId}/listen`);
  const context = new AudioContext();
  let over = false;
  let player = null;
  const finish = (reason) => {
    if (over) return;
    over = true;
    socket?.close();
    context.close();
    if (reason !== "stopped") onEnd(reason);
  };
  let socket = null;
  try {
    await context.audioWorklet.addModule(new URL("./listening_worklet.js", import.meta.url).href);
    await context.resume();
    player = new AudioWorkletNode(context, "pcm-player", { numberOfInputs: 0, outputChannelCount: [2] });
    player.connect(context.destination);
    socket = new WebSocket(url);
  } catch (error) {
    context.close();
    throw error;
  }
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) {
      player.port.postMessage(data, [data]);
      return;
    }
    const notice = JSON.parse(data);
    if (notice.type === "hello") player.port.postMessage({ sampleRate: notice.sample_rate });
    if (notice.type === "dropped") onDropped(notice.milliseconds);
    if (notice.type === "ended") finish("ended");
  };
  socket.onclose = () => finish("lost");
  return { stop: () => finish("stopped"), context };
}
