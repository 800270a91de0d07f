"""A softphone in its own process, on PJSUA2: `python -m tests.e2e.pjsua2_phone call|answer|transfer ...`.

It plays one WAV file to the far end and records what it hears into another. The library allows four calls in
a process and crashes when its audio ports are destroyed while in use, so this program makes one call with
one player and one recorder, drives the library from the main thread only, and leaves without tearing the
ports down. It must never be imported into the test process.

It prints one event on a line: `listening HOST:PORT`, `calling`, `incoming FROM`, `confirmed`, `disconnected
STATUS`, `registered STATUS`. Both `call` and `answer` hang up when the time is over, unless the far end
does so first.

`transfer` calls `--uri`, then a colleague (`--colleague`), and connects the two with one another: by a REFER
to the one named by `--refer`. It says `transferred STATUS` with what it was told of that, and hangs up.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

import pjsua2


def say(event: str) -> None:
    print(event, flush=True)


class Phone(pjsua2.Call):  # type: ignore[misc]
    """The one call of this process; both directions of the audio are connected once media is active."""

    def __init__(
        self, account: Any, player: Any, recorder: Any, call_id: int = pjsua2.PJSUA_INVALID_ID
    ) -> None:
        super().__init__(account, call_id)
        self._account = account
        self._player = player
        self._recorder = recorder
        self.transferred = False
        self.confirmed_at: float | None = None
        self.ended = False

    def onCallState(self, _parameter: Any) -> None:  # noqa: N802
        info = self.getInfo()
        if info.state == pjsua2.PJSIP_INV_STATE_CONFIRMED:
            self.confirmed_at = time.monotonic()
            say("confirmed")
        elif info.state == pjsua2.PJSIP_INV_STATE_DISCONNECTED:
            self.ended = True
            say(f"disconnected {info.lastStatusCode}")

    def _successor(self) -> Phone:
        """The call that takes this one's place; a call that is forgotten would be hung up."""
        self._account.former.append(self)
        call = self._account.call = Phone(self._account, self._player, self._recorder)
        return call

    def onCallReplaceRequest(self, parameter: Any) -> None:  # noqa: N802
        parameter.newCall = self._successor()

    def onCallTransferRequest(self, parameter: Any) -> None:  # noqa: N802
        parameter.newCall = self._successor()

    def onCallTransferStatus(self, parameter: Any) -> None:  # noqa: N802
        if parameter.finalNotify:
            self.transferred = True
            say(f"transferred {parameter.statusCode}")
            parameter.cont = False

    def onCallMediaState(self, _parameter: Any) -> None:  # noqa: N802
        # The elements live inside `info`: without the name they would be read after they were freed.
        info = self.getInfo()
        for index in range(len(info.media)):
            media = info.media[index]
            if media.type == pjsua2.PJMEDIA_TYPE_AUDIO and media.status == pjsua2.PJSUA_CALL_MEDIA_ACTIVE:
                audio = self.getAudioMedia(index)
                self._player.startTransmit(audio)
                audio.startTransmit(self._recorder)


class Account(pjsua2.Account):  # type: ignore[misc]
    """Accepts the first incoming call."""

    def __init__(self, player: Any, recorder: Any) -> None:
        super().__init__()
        self._player = player
        self._recorder = recorder
        self.call: Phone | None = None
        self.consult: Phone | None = None
        self.former: list[Phone] = []
        self.referred = False
        self.transferred = False

    def onRegState(self, parameter: Any) -> None:  # noqa: N802
        say(f"registered {parameter.code}")

    def onIncomingCall(self, parameter: Any) -> None:  # noqa: N802
        self.call = Phone(self, self._player, self._recorder, parameter.callId)
        say(f"incoming {self.call.getInfo().remoteUri}")
        answer = pjsua2.CallOpParam()
        answer.statusCode = 200
        self.call.answer(answer)


def start_library(ca: str = "") -> tuple[Any, str]:
    """The library without threads, sound devices and voice detection; returns it and its address. With a
    file of trusted authorities it speaks TLS alone.
    """
    endpoint = pjsua2.Endpoint()
    endpoint.libCreate()
    config = pjsua2.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = 4
    config.logConfig.level = config.logConfig.consoleLevel = int(os.environ.get("PJSUA_LOG", "1"))
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    config.medConfig.sndAutoCloseTime = -1
    endpoint.libInit(config)
    transport = pjsua2.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    transport.port = 0
    kind = pjsua2.PJSIP_TRANSPORT_UDP
    if ca:
        kind = pjsua2.PJSIP_TRANSPORT_TLS
        transport.tlsConfig.CaListFile = ca
        transport.tlsConfig.verifyServer = True
    identifier = endpoint.transportCreate(kind, transport)
    endpoint.audDevManager().setNullDev()
    endpoint.libStart()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 200 if codec.codecId.startswith("PCM") else 0)
    return endpoint, endpoint.transportGetInfo(identifier).localAddress


def transfer(account: Account, colleague: str, refer: str, up: float) -> None:
    """The next step of a transfer, once it is due."""
    first, second = account.call, account.consult
    if first is None:
        return
    if second is None:
        if up > 0.5:
            account.consult = Phone(account, account._player, account._recorder)
            account.consult.makeCall(colleague, pjsua2.CallOpParam(True))
        return
    asked = first if refer == "callee" else second
    if second.confirmed_at is None:
        return
    if asked.transferred:
        account.transferred = True
        for call in (first, second):
            if not call.ended:
                call.hangup(pjsua2.CallOpParam(True))
    elif not account.referred and not first.ended and time.monotonic() - second.confirmed_at > 0.5:
        account.referred = True
        asked.xferReplaces(second if refer == "callee" else first, pjsua2.CallOpParam(True))


def change_hold(call: Phone, *, resume: bool) -> None:
    """By a re-INVITE."""
    parameter = pjsua2.CallOpParam(True)
    if resume:
        parameter.opt.flag = pjsua2.PJSUA_CALL_UNHOLD
        call.reinvite(parameter)
    else:
        call.setHold(parameter)
    say("resumed" if resume else "held")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=("call", "answer", "transfer"))
    parser.add_argument("--colleague", help="whom to transfer the call to")
    parser.add_argument("--refer", choices=("callee", "colleague"), help="who is asked to call the other")
    parser.add_argument("--uri", help="whom to call")
    parser.add_argument("--user", default="+15557650001", help="our own user part")
    parser.add_argument("--play", required=True, help="WAV file (8 kHz, mono, 16 bit) sent to the far end")
    parser.add_argument("--record", required=True, help="WAV file that takes what the far end says")
    parser.add_argument("--seconds", type=float, default=5, help="hang up so long after the call is up")
    parser.add_argument("--patience", type=float, default=20, help="give up so long after the start")
    parser.add_argument("--srtp", choices=("disabled", "optional", "mandatory"), default="disabled")
    parser.add_argument("--tls-ca", default="", help="PEM file: speak TLS, with servers of these authorities")
    parser.add_argument(
        "--hold", action="store_true", help="two seconds after the call is up, for one second"
    )
    parser.add_argument("--password", default="", help="for digest challenges, with our user part")
    parser.add_argument("--registrar", default="", help="host:port that we register with")
    parser.add_argument("--digits", default="", help="keys to press, one second after the call is up")
    arguments = parser.parse_args()

    endpoint, address = start_library(arguments.tls_ca)
    player = pjsua2.AudioMediaPlayer()
    player.createPlayer(arguments.play, pjsua2.PJMEDIA_FILE_NO_LOOP)
    recorder = pjsua2.AudioMediaRecorder()
    recorder.createRecorder(arguments.record)
    account = Account(player, recorder)
    settings = pjsua2.AccountConfig()
    settings.idUri = f"sip:{arguments.user}@{address}"
    if arguments.registrar:
        settings.idUri = f"sip:{arguments.user}@{arguments.registrar}"
        settings.regConfig.registrarUri = f"sip:{arguments.registrar}"
        settings.regConfig.timeoutSec = 120
    if arguments.password:
        settings.sipConfig.authCreds.append(
            pjsua2.AuthCredInfo("digest", "*", arguments.user, 0, arguments.password)
        )
    settings.mediaConfig.transportConfig.port = 0
    settings.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    settings.mediaConfig.srtpUse = {
        "disabled": pjsua2.PJMEDIA_SRTP_DISABLED,
        "optional": pjsua2.PJMEDIA_SRTP_OPTIONAL,
        "mandatory": pjsua2.PJMEDIA_SRTP_MANDATORY,
    }[arguments.srtp]
    settings.mediaConfig.srtpSecureSignaling = 0
    account.create(settings)
    say(f"listening {address}")

    if arguments.mode != "answer":
        account.call = Phone(account, player, recorder)
        account.call.makeCall(arguments.uri, pjsua2.CallOpParam(True))
        say("calling")
    give_up = time.monotonic() + arguments.patience
    digits = arguments.digits
    hung_up = False
    holds = [(2.0, False), (3.0, True)] if arguments.hold else []
    while time.monotonic() < give_up:
        endpoint.libHandleEvents(10)
        call = account.call
        if call is None or call.confirmed_at is None:
            if call is not None and call.ended:
                break
            continue
        up = time.monotonic() - call.confirmed_at
        if arguments.mode == "transfer" and not account.transferred:
            # The call may end before the news of its transfer come.
            transfer(account, arguments.colleague, arguments.refer, up)
            continue
        if call.ended and (account.consult is None or account.consult.ended):
            break
        if digits and up > 1:
            call.dialDtmf(digits)
            digits = ""
        if holds and up > holds[0][0]:
            change_hold(call, resume=holds.pop(0)[1])
        if up > arguments.seconds and not hung_up:
            call.hangup(pjsua2.CallOpParam(True))
            hung_up = True
    finished = account.call is not None and account.call.ended and account.call.confirmed_at is not None
    # The recorder writes its header when the library goes; Python's own clean-up would crash after that.
    endpoint.libDestroy()
    sys.stdout.flush()
    os._exit(0 if finished else 1)


if __name__ == "__main__":
    main()
