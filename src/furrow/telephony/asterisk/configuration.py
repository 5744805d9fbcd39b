"""Asterisk's configuration, whole, written from our settings. Nothing is written elsewhere.

Each odd line has a reason that was found by running it: see the comments.
"""

import contextlib
import shutil
import wave
from array import array
from pathlib import Path
from textwrap import dedent

from furrow.telephony.sip_carrier import from_alaw, tone

from .settings import APP, USER, AsteriskSettings, Trunk
from .tree import Programs

# What the calls need and nothing more: fewer doors, and a start in half a second.
_MODULES = """
res_timing_timerfd res_crypto res_http_websocket res_websocket_client res_sorcery_config
res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session
res_pjsip_authenticator_digest res_pjsip_outbound_authenticator_digest
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_registrar
res_pjsip_caller_id res_pjsip_dtmf_info res_pjsip_header_funcs res_pjsip_nat res_pjsip_rfc3326
res_pjsip_sdp_rtp res_pjsip_transport_websocket res_pjsip_dlg_options
res_pjsip_outbound_registration res_pjsip_path res_pjsip_pubsub res_rtp_asterisk res_srtp
chan_pjsip chan_bridge_media res_format_attr_opus codec_ulaw codec_alaw codec_a_mu codec_resample
codec_opus_open_source format_wav format_pcm format_sln bridge_simple bridge_softmix
bridge_native_rtp bridge_holding pbx_config app_stasis app_verbose app_playback app_mixmonitor
app_chanspy func_volume app_stack app_echo func_callerid func_channel func_logic func_strings
func_talkdetect func_pjsip_endpoint func_pjsip_contact func_pjsip_aor res_ari res_ari_model
res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels res_ari_endpoints
res_ari_events res_ari_playbacks res_ari_recordings res_ari_sounds res_stasis res_stasis_answer
res_stasis_playback res_stasis_recording res_stasis_snoop cel_custom res_cdrel_custom
res_musiconhold
"""

# What callers hear from us; a house records its own (docs/howto/asterisk.md).
MESSAGES = ("abandoned", "queue", "callback", "closed", "opted-out", "withheld")
_FOLDERS = "etc lib lib/keys spool/recording spool/monitor log/cel-custom run cache moh tmp"
_TONES = """
    description=China
    ringcadence=1000,4000
    dial=450
    busy=450/350,0/350
    ring=450/1000,0/4000
    congestion=450/700,0/700
    callwaiting=450/400,0/4000
    dialrecall=450
    record=950/400,0/10000
    info=450/100,0/100,450/100,0/100,450/100,0/100,450/400,0/400
    """


def write(settings: AsteriskSettings, programs: Programs, *, local: tuple[str, ...] = ()) -> Path:
    """Write the whole configuration; returns asterisk.conf. The old one is replaced.

    local: this machine's own addresses, rewritten to loopback in what media offers. Asterisk
    never offers a loopback candidate, so browser and Asterisk on one machine need it.
    """
    etc = settings.folder / "etc"
    shutil.rmtree(etc, ignore_errors=True)
    for each in _FOLDERS.split():
        (settings.folder / each).mkdir(parents=True, exist_ok=True)
    settings.recordings.mkdir(parents=True, exist_ok=True)
    _write_waiting_music(settings.folder / "moh" / "waiting.wav")
    _write_stand_ins(settings.sounds)
    files = _files(settings, programs, local)
    for name, text in files.items():
        file = etc / name
        file.touch(mode=0o600)  # ari.conf and pjsip.conf hold passwords
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return etc / "asterisk.conf"


def _files(
    settings: AsteriskSettings, programs: Programs, local: tuple[str, ...]
) -> dict[str, str]:
    folder = settings.folder
    modules = "".join(f"load={name}.so\n" for name in _MODULES.split())
    plain = dict.fromkeys(
        [
            "acl",
            "cli_aliases",
            "pjsip_wizard",
            "pjproject",
            "features",
            "udptl",
            "ccss",
            "codecs",
            "dsp",
        ],
        "[general]\n",
    )
    return {f"{name}.conf": text for name, text in plain.items()} | {
        "asterisk.conf": f"""
            [directories]
            astetcdir => {folder}/etc
            astmoddir => {programs.modules}
            astvarlibdir => {folder}/lib
            astdbdir => {folder}/lib
            astkeydir => {folder}/lib
            astdatadir => {programs.usr}/share/asterisk
            astagidir => {programs.usr}/share/asterisk/agi-bin
            astspooldir => {folder}/spool
            astrundir => {folder}/run
            astlogdir => {folder}/log
            astcachedir => {folder}/cache
            astsbindir => {programs.usr}/sbin
            [options]
            nocolor = yes
            hideconnect = yes
            systemname = {APP}
            live_dangerously = no
            maxcalls = {settings.calls_at_once}
            """,
        "modules.conf": "[modules]\nautoload=no\n" + modules,
        "logger.conf": """
            [general]
            dateformat=%F %T.%3q
            [logfiles]
            console => notice,warning,error
            """,
        "http.conf": f"""
            [general]
            servername=furrow
            enabled=yes
            bindaddr={settings.http_address}
            bindport={settings.http_port}
            sessionlimit=2000
            session_keep_alive=15000
            """
        + (
            f"""
            tlsenable=yes
            tlsbindaddr=0.0.0.0:{settings.tls_port}
            tlscertfile={settings.certificate}
            """
            if settings.certificate
            else ""
        ),
        "ari.conf": f"""
            [general]
            enabled=yes
            pretty=no
            websocket_write_timeout=1000
            [{USER}]
            type=user
            password={settings.secret}
            """,
        # Recording is the one thing ARI cannot ask for with both sides apart: AMI can.
        "manager.conf": f"""
            [general]
            enabled=yes
            webenabled=yes
            bindaddr=127.0.0.1
            port={settings.ami_port}
            [{USER}]
            secret={settings.secret}
            deny=0.0.0.0/0.0.0.0
            permit=127.0.0.1/255.255.255.255
            read=none
            write=call,system
            """,
        "rtp.conf": f"""
            [general]
            rtpstart={settings.rtp[0]}
            rtpend={settings.rtp[1]}
            icesupport=yes
            strictrtp=yes
            [ice_host_candidates]
            """
        + "".join(f"\n            {each} => 127.0.0.1" for each in local)
        + "\n",
        "cel.conf": """
            [general]
            enable=yes
            dateformat=%F %T.%6q
            events=CHAN_START,CHAN_END,ANSWER,HANGUP
            """,
        "cel_custom.conf": """
            [mappings]
            journal.csv => ${CSV_QUOTE(${eventtype})},${CSV_QUOTE(${eventtime})},"""
        """${CSV_QUOTE(${CHANNEL(uniqueid)})},${CSV_QUOTE(${CALLERID(num)})},"""
        """${CSV_QUOTE(${CHANNEL(exten)})},${CSV_QUOTE(${eventextra})}
            """,
        "musiconhold.conf": f"""
            [default]
            mode=files
            directory={folder}/moh
            """,
        "acl.conf": "",
        "websocket_client.conf": "",
        "cdr.conf": "[general]\nenable=no\n",
        "stasis.conf": "[threadpool]\ninitial_size=5\nmax_size=50\n[taskpool]\n",
        "indications.conf": "[general]\ncountry=cn\n[cn]\n" + dedent(_TONES).lstrip("\n"),
        # Accounts of people come and go while Asterisk runs: they live in its own small database.
        "sorcery.conf": """
            [res_pjsip]
            endpoint=config,pjsip.conf,criteria=type=endpoint
            endpoint=astdb,ps_endpoint
            auth=config,pjsip.conf,criteria=type=auth
            auth=astdb,ps_auth
            aor=config,pjsip.conf,criteria=type=aor
            aor=astdb,ps_aor
            """,
        "pjsip.conf": _pjsip(settings),
        "extensions.conf": f"""
            [general]
            static=yes
            writeprotect=yes
            [from-trunk]
            exten => _[+0-9].,1,Stasis({APP},inbound,${{EXTEN}})
             same => n,Answer()
             same => n,Playtones(congestion)
             same => n,Wait(5)
             same => n,Hangup()
            [from-agent]
            exten => echo,1,Answer()
             same => n,Echo()
            exten => _X!,1,Hangup(21)
            [silence]
            exten => s,1,Answer()
             same => n,Wait(86400)
            """,
    }


def _pjsip(settings: AsteriskSettings) -> str:
    """Transports, trunks and fixed phones. Agents' accounts are not here: see sorcery.conf."""
    parts = [
        f"""
        [global]
        type=global
        user_agent=furrow
        endpoint_identifier_order=username,ip
        [udp]
        type=transport
        protocol=udp
        bind={settings.sip_address}
        [ws]
        type=transport
        protocol=ws
        bind=127.0.0.1
        """
    ]
    parts += [_trunk(settings, each) for each in settings.trunks]
    parts += [
        f"""
        [{name}]
        type=endpoint
        context=from-agent
        transport=udp
        disallow=all
        allow=alaw,ulaw
        direct_media=no
        media_address={settings.media_address}
        bind_rtp_to_media_address=yes
        rtp_timeout=60
        aors={name}
        [{name}]
        type=aor
        contact=sip:{name}@{address}
        qualify_frequency=10
        qualify_timeout=2
        """
        for name, address in settings.phones.items()
    ]
    return "".join(dedent(part) for part in parts)


def _trunk(settings: AsteriskSettings, trunk: Trunk) -> str:
    """A trunk is asked every 10 s whether it lives: a dead one is known before a call is tried.

    send_connected_line: else each bridging sends the provider a re-INVITE with the agent's name.
    timers: Asterisk killed in a call sends no BYE; the provider gives up by its session timer.
    """
    host = trunk.address.rsplit(":", 1)[0]
    text = f"""
        [{trunk.name}]
        type=endpoint
        ; By its address alone: a name in a From header is whatever a stranger writes there.
        identify_by=ip
        context=from-trunk
        transport=udp
        disallow=all
        allow=alaw,ulaw
        direct_media=no
        rtp_symmetric=yes
        media_address={settings.media_address}
        bind_rtp_to_media_address=yes
        rtp_timeout=60
        timers=yes
        timers_sess_expires=120
        send_pai=yes
        send_connected_line=no
        trust_id_inbound=yes
        aors={trunk.name}
        [{trunk.name}]
        type=aor
        contact=sip:{trunk.address}
        qualify_frequency=10
        qualify_timeout=2
        [{trunk.name}-address]
        type=identify
        endpoint={trunk.name}
        match={host}
        """
    if trunk.username:
        text += f"""
        [{trunk.name}](+)
        type=endpoint
        outbound_auth={trunk.name}-account
        from_user={trunk.username}
        [{trunk.name}-account]
        type=auth
        auth_type=digest
        username={trunk.username}
        password={trunk.password}
        [{trunk.name}-registration]
        type=registration
        transport=udp
        outbound_auth={trunk.name}-account
        server_uri=sip:{trunk.address}
        client_uri=sip:{trunk.username}@{host}
        retry_interval=20
        """
    return text


def _write_stand_ins(folder: Path) -> None:
    """Three falling notes for each message that the house has not recorded itself: nobody is left
    with silence. What the law wants said, only the house can say."""
    notes = [*tone(523, 0.3, loudness=0.2), *tone(440, 0.3, loudness=0.2)]
    notes += tone(349, 0.6, loudness=0.2)
    samples = from_alaw(bytes(notes) + b"\xd5" * 4000).tobytes()
    with contextlib.suppress(OSError):  # a folder of the house's own that we may not write to
        folder.mkdir(parents=True, exist_ok=True)
        for name in MESSAGES:
            file = folder / f"{name}.wav"
            if not any(folder.glob(f"{name}.*")):
                with wave.open(str(file), "wb") as made:
                    made.setparams((1, 2, 8000, 0, "NONE", ""))
                    made.writeframes(samples)


def _write_waiting_music(file: Path) -> None:
    """Two soft notes every four seconds, for a house that has laid no music of its own there."""
    if any(file.parent.iterdir()):
        return
    silence = [0] * 8000
    notes = [*from_alaw(tone(440, 0.4, loudness=0.08)), *from_alaw(tone(554, 0.6, loudness=0.08))]
    with wave.open(str(file), "wb") as made:
        made.setparams((1, 2, 8000, 0, "NONE", ""))
        made.writeframes(array("h", notes + 3 * silence).tobytes())
