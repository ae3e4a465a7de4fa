"""The commands that run the bot: the daemon, the demo, one round by hand, the switch, and what is wrong."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.program import AsJson, Host, Port, app, check_option, now, open_clinic, print_json


@app.command()
def run(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    no_web: Annotated[bool, typer.Option("--no-web", help="Send only.")] = False,
    no_send: Annotated[bool, typer.Option("--no-send", help="Serve only.")] = False,
) -> None:
    """The daemon: migrate, schedule, send, serve."""
    import asyncio

    from bot.daemon import Roles, prepare_database
    from bot.daemon import run as run_daemon
    from bot.logs import set_up_logging
    from bot.settings import load_settings

    settings = load_settings()
    set_up_logging(settings.log_format)
    engine = prepare_database(settings)
    if asyncio.run(run_daemon(settings, engine, Roles(send=not no_send, web=not no_web), host, port)):
        engine.dispose()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the same command again


@app.command()
def demo(port: Port = 8000) -> None:
    """The daemon on a throwaway database, with sandbox sending and sample data."""
    import asyncio
    import tempfile

    from bot.daemon import Roles, prepare_database
    from bot.daemon import run as run_daemon
    from bot.logs import set_up_logging
    from bot.samples import enrol_samples, load_demo_settings

    with tempfile.TemporaryDirectory(prefix="bot-demo-") as folder:
        settings = load_demo_settings(Path(folder) / "demo.db", port)
        set_up_logging(settings.log_format)
        engine = prepare_database(settings)
        enrol_samples(engine, settings.clinic_facts, settings.plan, now())
        typer.echo(
            f"The front desk is at http://127.0.0.1:{port}, the patients' phones at http://127.0.0.1:{port}/phone"
        )
        typer.echo("Stop with Ctrl+C; nothing is kept.")
        asyncio.run(run_daemon(settings, engine, Roles(demo=True), "127.0.0.1", port))


@app.command()
def check(
    online: Annotated[bool, typer.Option("--online", help="Ask Twilio too: account, sender, webhooks.")] = False,
    send_to: Annotated[str | None, typer.Option(help="With --online: a number that gets a test text.")] = None,
) -> None:
    """Say everything that is wrong with settings, database and catalogues."""
    from bot.checks import find_troubles
    from bot.importing.values import read_phone

    if send_to and not online:
        raise typer.BadParameter("--send-to goes with --online")
    number = check_option("--send-to", read_phone, send_to, "US") if send_to else None
    troubles, warnings = find_troubles(online=online, send_to=number)
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    for trouble in troubles:
        typer.echo(f"wrong: {trouble}", err=True)
    if troubles:
        sys.exit(1)
    typer.echo("All is well.")


@app.command(name="send-due")
def send_due(as_json: AsJson = False) -> None:
    """Send what is due now, once, and look up what is in doubt."""
    import asyncio

    from bot.daemon import send_once

    settings, engine = open_clinic()
    result = asyncio.run(send_once(settings, engine))
    if as_json:
        print_json(result)
    else:
        typer.echo(f"{result['sent']} sent, {result['in_doubt']} in doubt looked up.")


@app.command()
def pause(
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")] = "",
    by: Annotated[str, typer.Option(help="Who pauses.")] = "the operator",
) -> None:
    """Hold back every text that we start; answers to patients go on."""
    from bot.database import writing
    from bot.holds import pause as pause_sending

    _, engine = open_clinic()
    with writing(engine) as session:
        done = pause_sending(session, by, reason, now())
    typer.echo("Reminders are paused; answers go on." if done else "Reminders are paused already.")


@app.command()
def resume() -> None:
    """Let texts go out again after a pause, also one that the bot itself has made."""
    from bot.database import writing
    from bot.holds import resume as resume_sending

    _, engine = open_clinic()
    with writing(engine) as session:
        done = resume_sending(session, now())
    typer.echo("Reminders go out again." if done else "Nothing was paused.")
