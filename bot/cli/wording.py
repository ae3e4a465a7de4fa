"""The commands for what is said and understood: previews, reviews, languages, labels, a chat."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.program import (
    AsJson,
    Contrast,
    ExamCode,
    LanguageCode,
    Sedation,
    app,
    check_option,
    now,
    open_clinic,
    print_json,
)


@app.command()
def preview(
    exam: ExamCode = "mri-brain",
    language: Annotated[str, typer.Option(help="Language: a code, its name, or all.")] = "all",
    contrast: Contrast = False,
    sedation: Sedation = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the languages side by side, answers too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every text of an exam's plan as people read it, with its segments."""
    from bot.clinic_topics import read_clinic
    from bot.importing.values import read_exam, read_language
    from bot.previews import make_sample, preview_plan, write_page
    from bot.settings import load_settings
    from messages.languages import LANGUAGES, SOURCE

    settings = load_settings()
    everything = [one.code for one in LANGUAGES]
    codes = (
        everything if language.strip().casefold() == "all" else [check_option("--language", read_language, language)]
    )
    found = settings.exams.get(check_option("--exam", read_exam, exam, settings.exams))
    sample = make_sample(read_clinic(settings), settings.plan, found, now(), contrast=contrast, sedation=sedation)
    if html:
        # Beside a single language stands the English that it was made from.
        html.write_text(write_page(sample, list(dict.fromkeys([SOURCE, *codes]))), encoding="utf-8")
        typer.echo(f"The page is {html}.")
        return
    texts = [text for code in codes for text in preview_plan(sample, code)]
    if as_json:
        print_json([text.to_json() for text in texts])
        return
    for one in texts:
        reviewed = "" if one.text.reviewed else ", translation not reviewed"
        cost = f"{one.text.measure.segments} segments {one.text.measure.encoding}"
        typer.echo(f"{one.kind}: {one.step} ({cost}, {one.text.language}{reviewed})")
        typer.echo(f"  {one.text.body}\n")


@app.command()
def review(
    language: Annotated[str, typer.Argument(help="Language: a code or its name.")],
    sheet: Annotated[Path | None, typer.Option(help="Write a sheet for the translator: .csv or .xlsx.")] = None,
    take: Annotated[Path | None, typer.Option(help="Take such a sheet back.")] = None,
    reviewer: Annotated[str, typer.Option(help="Who has reviewed it.")] = "",
    qualification: Annotated[str, typer.Option(help="What makes them qualified.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
) -> None:
    """Have a language reviewed: a sheet for a qualified human translator, and back with their name."""
    from bot.importing.values import read_language
    from bot.reviewing import make_sheet, take_sheet, write_sheet
    from messages.languages import SOURCE

    code = check_option("LANGUAGE", read_language, language)
    if code == SOURCE:
        raise typer.BadParameter("English is what the others are translated from")
    if (sheet is None) == (take is None):
        raise typer.BadParameter("give --sheet FILE, or --take FILE")
    if sheet:
        lines = make_sheet(code)
        write_sheet(lines, sheet)
        typer.echo(f"{len(lines)} lines in {sheet}. Correct the translations, put a yes behind what is right.")
    if take:
        if not (reviewer.strip() and qualification.strip()):
            raise typer.BadParameter("give --reviewer and --qualification: their name stands behind the texts")
        found = take_sheet(code, take, reviewer.strip(), qualification.strip(), now().date(), keep=not dry_run)
        for change in found.changes:
            typer.echo(f"{change.english}\n  - {change.old}\n  + {change.new}")
        for english in found.outdated:
            typer.echo(f"not taken, the English has changed since: {english}")
        typer.echo(f"{'Would be: ' if dry_run else ''}{len(found.changes)} changed, {found.signed} signed.")


@app.command()
def languages(as_json: AsJson = False) -> None:
    """List the languages: coverage, review, direction, encoding."""
    from bot.reports import describe_languages, find_encoding

    rows = describe_languages()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        shares = f"{row['translated']}/{row['messages']} translated, {row['reviewed']}/{row['messages']} reviewed"
        typer.echo(f"{row['code']:8} {row['direction']}  {shares}  {find_encoding(row['code']):5}  {row['name']}")


@app.command()
def understand(
    text: Annotated[str | None, typer.Argument(help="What the patient wrote.")] = None,
    language: Annotated[str, typer.Option(help="The patient's language.")] = "en",
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read JSON lines on stdin, write them with the result.")
    ] = False,
) -> None:
    """Say what we make of a text."""
    from messages.understand import understand as understand_text

    if jsonl:
        for line in sys.stdin:
            if line.strip():
                entry = json.loads(line)
                meaning = understand_text(
                    str(entry.get("text") or ""), str(entry.get("language") or language), entry.get("awaiting")
                )
                found = {"intent": meaning.intent, "detail": meaning.detail, "confidence": meaning.confidence}
                line = json.dumps({**entry, **found}, ensure_ascii=False)
                # Half of a surrogate pair cannot be written, but its escape can, and is the same JSON.
                typer.echo(line.encode("utf-8", "backslashreplace").decode())
        return
    if text is None:
        raise typer.BadParameter("give a text, or --jsonl")
    meaning = understand_text(text, language)
    detail = f" {meaning.detail}" if meaning.detail else ""
    typer.echo(f"{meaning.intent}{detail} ({meaning.confidence:.2f})")


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="CSV with text, intent, and if needed detail, language, awaiting.")],
    language: Annotated[str | None, typer.Option(help="The language of rows that name none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well your own labelled texts are understood, dangerous errors first."""
    from bot.evaluating import describe, judge, list_report, read_labelled

    judged = judge(read_labelled(file, language))
    if as_json:
        print_json(describe(judged))
        return
    for line in list_report(judged):
        typer.echo(line)


@app.command()
def label(
    text_id: Annotated[int, typer.Argument(metavar="TEXT", help="The number of a text, from bot show --json.")],
    intent: Annotated[str, typer.Option(help="What it meant, such as question or stop.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
    detail: Annotated[str | None, typer.Option(help="Topic of a question; implant or allergy of a report.")] = None,
) -> None:
    """Note what a misunderstood text really meant; the bot does not learn from it by itself."""
    from bot.database import writing
    from bot.models import IncomingText
    from bot.worklist import label_text

    _, engine = open_clinic()
    with writing(engine) as session:
        text = session.get(IncomingText, text_id)
        if text is None:
            raise ValueError(f"there is no text {text_id}")
        label_text(text, intent, detail, by, now())
        session.add(text)
    typer.echo(f"Text {text_id} is labelled {intent}{f' {detail}' if detail else ''}.")


@app.command()
def labelled(file: Annotated[Path, typer.Argument(help="The CSV file to write.")]) -> None:
    """Export the labelled texts without their numbers, as examples and for bot evaluate."""
    import csv

    from bot.database import reading
    from bot.web.csv_lines import defuse
    from bot.worklist import list_labelled

    _, engine = open_clinic()
    with reading(engine) as session:
        rows = list_labelled(session)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, ["text", "intent", "detail", "language"])
        writer.writeheader()
        writer.writerows({name: defuse(cell) for name, cell in row.items()} for row in rows)
    typer.echo(f"{len(rows)} texts in {file}. Read them before you pass them on: names are still in them.")


@app.command()
def chat(language: LanguageCode = "en") -> None:
    """A patient's phone in the terminal, on a throwaway database."""
    import tempfile

    from bot.chat import Chat
    from bot.daemon import prepare_database
    from bot.importing.values import read_language
    from bot.samples import load_demo_settings

    code = check_option("--language", read_language, language)
    with tempfile.TemporaryDirectory(prefix="bot-chat-") as folder:
        settings = load_demo_settings(Path(folder) / "chat.db")
        phone = Chat(prepare_database(settings), settings.clinic_facts, settings.plan, now)
        for body in phone.begin(code):
            typer.echo(f"clinic> {body}\n")
        while True:
            try:
                said = input("you> ") if sys.stdin.isatty() else input()
            except (EOFError, KeyboardInterrupt):
                break
            if not sys.stdin.isatty():
                typer.echo(f"you> {said}")
            for body in phone.say(said):
                typer.echo(f"clinic> {body}\n")
