"""Days, times and numbers in words, and what keeps a right-to-left text in order."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import babel
import pytest

from messages import catalogues
from messages.catalogues import read_catalogue
from messages.languages import LANGUAGES, SOURCE, Language, get_language
from messages.reminders import FASTING, MINUTES
from messages.speaker import Speaker

TRANSLATED = [language.code for language in LANGUAGES if language.code != SOURCE]
HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
WriteCatalogue = Callable[[str, str], None]


@pytest.fixture
def write_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WriteCatalogue]:
    """Writes catalogues into a folder that stands in for ``locales`` until the test ends."""

    def write(code: str, entries: str) -> None:
        folder = tmp_path / code / "LC_MESSAGES"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "messages.po").write_text(HEADER + entries, encoding="utf-8")
        read_catalogue.cache_clear()

    monkeypatch.setattr(catalogues, "LOCALES", tmp_path)
    read_catalogue.cache_clear()
    yield write
    monkeypatch.undo()
    read_catalogue.cache_clear()


@pytest.mark.parametrize(
    ("code", "region", "day", "afternoon", "morning"),
    [
        ("en", "US", "Wed, Sep 30", "2:05 PM", "12:30 AM"),
        ("en", None, "Wed, Sep 30", "2:05 PM", "12:30 AM"),
        ("en", "GB", "Wed 30 Sept", "14:05", "00:30"),
        ("es", "US", "miércoles 30 de septiembre", "2:05 p.m.", "12:30 a.m."),
        ("es", "ES", "miércoles 30 de septiembre", "14:05", "0:30"),
        ("zh_Hans", "US", "9月30日星期三", "14:05", "00:30"),
        ("zh_Hans", "CN", "9月30日星期三", "14:05", "00:30"),
        ("zh_Hant", "US", "9月30日星期三", "下午2:05", "凌晨12:30"),
        ("vi", "US", "Thứ Tư, 30 tháng 9", "14:05", "00:30"),
        ("ko", "US", "9월 30일 수요일", "오후 2:05", "오전 12:30"),
        ("ko", "KR", "9월 30일 수요일", "오후 2:05", "오전 12:30"),
        ("fil", "US", "Miyerkules, Setyembre 30", "2:05 PM", "12:30 AM"),
        ("ru", "US", "среда, 30 сентября", "14:05", "00:30"),
        ("ar", "US", "الأربعاء، 30 سبتمبر", "2:05 م", "12:30 ص"),
        ("ar", "EG", "الأربعاء، 30 سبتمبر", "2:05 م", "12:30 ص"),
        ("ht", "US", "mèkredi 30 septanm", "2:05 PM", "12:30 AM"),
        ("ht", "HT", "mèkredi 30 septanm", "14:05", "00:30"),
        ("fr", "US", "mercredi 30 septembre", "14h05", "0h30"),
        ("pt_BR", "US", "quarta-feira, 30 de setembro", "14:05", "00:30"),
        ("pl", "US", "śr. 30 września", "14:05", "00:30"),
        ("it", "US", "mercoledì 30 settembre", "14:05", "00:30"),
        ("de", "US", "Mittwoch, 30. September", "14:05 Uhr", "00:30 Uhr"),
        ("ja", "US", "9月30日(水)", "14:05", "0:30"),
        ("fa", "US", "چهارشنبه 30 سپتامبر", "14:05", "0:30"),
        ("hi", "US", "बुधवार, 30 सितंबर", "2:05 pm", "12:30 am"),
        ("uk", "US", "середа, 30 вересня", "14:05", "00:30"),
        ("ur", "US", "بدھ، 30 ستمبر", "2:05 PM", "12:30 AM"),
        ("bn", "US", "বুধবার, 30 সেপ্টেম্বর", "2:05 PM", "12:30 AM"),
        ("pa", "US", "ਬੁੱਧਵਾਰ, 30 ਸਤੰਬਰ", "2:05 ਬਾ.ਦੁ.", "12:30 ਪੂ.ਦੁ."),
        ("so", "US", "Arbaco, 30 Sebtembar", "2:05 GD", "12:30 GH"),
        ("hy", "US", "սեպտեմբերի 30, չորեքշաբթի", "14:05", "00:30"),
    ],
)
def test_days_and_times_are_said_as_the_language_and_region_say_them(
    code: str, region: str | None, day: str, afternoon: str, morning: str
) -> None:
    speaker = Speaker(get_language(code), region)
    assert speaker.day(date(2026, 9, 30)) == day
    assert speaker.time(time(14, 5)) == afternoon
    assert speaker.time(time(0, 30)) == morning


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_a_time_is_the_clock_time_it_was_given_whatever_its_zone(language: Language) -> None:
    speaker = Speaker(language, "US")
    assert speaker.time(datetime(2026, 9, 30, 14, 5, 59, tzinfo=UTC)) == speaker.time(time(14, 5))


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_the_days_of_a_year_are_all_different(language: Language) -> None:
    speaker = Speaker(language, "US")
    days = [date.fromordinal(date(2026, 1, 1).toordinal() + number) for number in range(365)]
    assert len({speaker.day(day) for day in days}) == 365


@pytest.mark.parametrize(
    ("month", "name"),
    list(
        zip(
            range(1, 13),
            ("janvye", "fevriye", "mas", "avril", "me", "jen", "jiyè", "out", "septanm", "oktòb", "novanm", "desanm"),
            strict=True,
        )
    ),
)
def test_the_months_are_creole_and_not_french(month: int, name: str) -> None:
    said = Speaker(get_language("ht"), "US").day(date(2026, month, 17))
    assert said.endswith(f" 17 {name}")
    # Avril is the same word in both.
    french = babel.Locale("fr").months["format"]["wide"][month]
    assert name == "avril" or french not in said


@pytest.mark.parametrize(
    ("weekday", "name"), list(enumerate(("lendi", "madi", "mèkredi", "jedi", "vandredi", "samdi", "dimanch")))
)
def test_the_days_are_creole_and_not_french(weekday: int, name: str) -> None:
    said = Speaker(get_language("ht"), "US").day(date(2026, 3, 2 + weekday))
    assert said == f"{name} {2 + weekday} mas"
    assert babel.Locale("fr").days["format"]["wide"][weekday] not in said


@pytest.mark.parametrize("code", TRANSLATED)
@pytest.mark.parametrize("region", ["US", None])
def test_no_day_or_time_is_left_in_english(code: str, region: str | None) -> None:
    speaker = Speaker(get_language(code), region)
    english = Speaker(get_language(SOURCE), region)
    for month in range(1, 13):
        said = set(speaker.day(date(2026, month, 17)).replace(",", "").split())
        assert not said & {word for word in english.day(date(2026, month, 17)).replace(",", "").split() if word != "17"}


ISOLATED = "\u2068{}\u2069"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("phone", "+1 202-555-0100", ISOLATED.format("+1 202-555-0100")),
        ("name", "Ana", ISOLATED.format("Ana")),
        ("name", "José Luis", ISOLATED.format("José Luis")),
        ("clinic", "Riverside Imaging", ISOLATED.format("Riverside Imaging")),
        ("time", "14:05", ISOLATED.format("14:05")),
        ("name", "سارة", "سارة"),
        ("time", "2:05 م", "2:05 م"),
        ("hours", "4", "4"),
    ],
)
def test_arabic_isolates_what_runs_the_other_way(
    write_catalogue: WriteCatalogue, name: str, value: str, said: str
) -> None:
    write_catalogue("ar", f'msgid "Say {{{name}}}."\nmsgstr "قل {{{name}}}."\n')
    assert Speaker(get_language("ar"), "US").say(f"Say {{{name}}}.", **{name: value}) == f"قل {said}."


@pytest.mark.parametrize("value", ["+1 202-555-0100", "Ana", "سارة", "4"])
@pytest.mark.parametrize("code", ["es", "zh_Hans", "ht"])
def test_a_left_to_right_language_isolates_nothing(write_catalogue: WriteCatalogue, code: str, value: str) -> None:
    write_catalogue(code, 'msgid "Hello {name}."\nmsgstr "Hola {name}!"\n')
    assert Speaker(get_language(code), "US").say("Hello {name}.", name=value) == f"Hola {value}!"


def test_the_real_arabic_greeting_isolates_a_latin_name_and_the_spanish_one_does_not() -> None:
    assert "\u2068Ana\u2069" in Speaker(get_language("ar"), "US").say("Hello {name}.", name="Ana")
    assert "\u2068" not in Speaker(get_language("es"), "US").say("Hello {name}.", name="Ana")


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_every_isolate_that_is_opened_is_closed(language: Language) -> None:
    said = Speaker(language, "US").say("Phone: {phone}", phone="+1 202-555-0100")
    depth = 0
    for char in said:
        depth += {"\u2068": 1, "\u2069": -1}.get(char, 0)
        assert depth in (0, 1)
    assert depth == 0
    assert "+1 202-555-0100" in said


def test_what_is_said_is_tidied(write_catalogue: WriteCatalogue) -> None:
    write_catalogue("es", 'msgid "At {time}"\nmsgstr "A\u00a0las\u202f{time}…"\n')
    assert Speaker(get_language("es")).say("At {time}", time="2:05\u202fp.\u00a0m.") == "A las 2:05 p. m...."


def test_braces_in_a_value_are_not_placeholders() -> None:
    assert Speaker(get_language("en")).say("Hello {name}.", name="{phone} {0}") == "Hello {phone} {0}."


@pytest.mark.parametrize(
    ("code", "said"), [("en", "One. Two."), ("es", "One. Two."), ("zh_Hans", "One.Two."), ("ar", "One. Two.")]
)
def test_sentences_are_joined_as_the_language_does(code: str, said: str) -> None:
    assert Speaker(get_language(code)).join("One.", "", "Two.") == said


# The clinic's choice


@pytest.mark.parametrize(
    ("code", "clock", "said"),
    [
        ("en", "24", "14:05"),
        ("en", "12", "2:05 PM"),
        ("ko", "24", "14:05"),
        ("ko", "12", "오후 2:05"),
        ("de", "12", "2:05 PM"),
        ("fr", "24", "14h05"),
        ("zh_Hans", "12", "下午2:05"),
        ("ht", "24", "14:05"),
        ("ar", "24", "14:05"),
    ],
)
def test_a_clinic_may_choose_the_clock(code: str, clock: str, said: str) -> None:
    assert Speaker(get_language(code), "US", clock=clock).time(time(14, 5)) == said


@pytest.mark.parametrize(
    ("code", "day", "moment"),
    [
        ("ar", "الأربعاء، ٣٠ سبتمبر", "٢:٠٥ م"),
        ("fa", "چهارشنبه ۳۰ سپتامبر", "۱۴:۰۵"),
        ("ur", "بدھ، ۳۰ ستمبر", "۲:۰۵ PM"),
        ("hi", "बुधवार, ३० सितंबर", "२:०५ pm"),
        ("en", "Wed, Sep 30", "2:05 PM"),
        ("zh_Hans", "9月30日星期三", "14:05"),
    ],
)
def test_a_clinic_may_choose_native_digits_where_the_language_has_some(code: str, day: str, moment: str) -> None:
    speaker = Speaker(get_language(code), "US", native_digits=True)
    assert speaker.day(date(2026, 9, 30)) == day
    assert speaker.time(time(14, 5)) == moment
    assert "6" not in speaker.say_number(FASTING, 6) or code in ("en", "zh_Hans")


COSTLY = re.compile("[\u00a0\u2000-\u200b\u202f\u2060\ufeff\u200e\u200f]")


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
@pytest.mark.parametrize("clock", ["locale", "12", "24"])
def test_no_day_or_time_has_an_invisible_character_in_it(language: Language, clock: str) -> None:
    speaker = Speaker(language, "US", clock=clock)
    days = {speaker.day(date(2026, 1, 1) + timedelta(days=number)) for number in range(365)}
    times = {speaker.time(time(hour, 5)) for hour in range(24)}
    assert len(times) == 24
    assert [said for said in days | times if COSTLY.search(said)] == []


# Numbers


@pytest.mark.parametrize(
    ("code", "number", "word"),
    [
        *(("pl", number, "godzinę") for number in (1,)),
        *(("pl", number, "godziny") for number in (2, 3, 4, 22, 23, 24)),
        *(("pl", number, "godzin ") for number in (5, 6, 11, 12, 13, 14, 21)),
        *(("ru", number, "час ") for number in (1, 21)),
        *(("ru", number, "часа") for number in (2, 3, 4, 22)),
        *(("ru", number, "часов") for number in (5, 6, 11, 12, 14, 20)),
        *(("uk", number, "годину") for number in (1, 21)),
        *(("uk", number, "години") for number in (2, 4, 23)),
        *(("uk", number, "годин ") for number in (5, 11, 12)),
        ("ar", 1, "ساعة"),
        ("ar", 2, "ساعتين"),
        *(("ar", number, f"{number} ساعات") for number in (3, 4, 6, 8, 10)),
        *(("ar", number, f"{number} ساعة") for number in (11, 12, 20, 24)),
        *(("fr", number, "heure ") for number in (1,)),
        *(("fr", number, "heures") for number in (2, 6)),
        *(("es", number, "hora ") for number in (1,)),
        *(("es", number, "horas") for number in (2, 6)),
        *(("it", number, "ore ") for number in (4, 6)),
        *(("de", number, "Stunde ") for number in (1,)),
        *(("de", number, "Stunden") for number in (4, 6)),
        *(("en", number, "hour ") for number in (1,)),
        *(("en", number, "hours") for number in (2, 6)),
        *(("hi", number, "घंटे") for number in (2, 6)),
    ],
)
def test_hours_have_the_form_that_goes_with_the_number(code: str, number: int, word: str) -> None:
    said = Speaker(get_language(code), "US").say_number(FASTING, number)
    assert word in said
    assert str(number) in said


@pytest.mark.parametrize(
    ("code", "number", "word"),
    [
        ("pl", 1, "minuty"),
        ("pl", 22, "minut"),
        ("pl", 75, "minut"),
        ("ar", 20, "20 دقيقة"),
        ("ar", 45, "45 دقيقة"),
        ("ar", 105, "105 دقائق"),
        ("ar", 110, "110 دقائق"),
        ("ru", 45, "минут"),
        ("ru", 21, "минуты"),
        ("en", 1, "1 minute "),
        ("en", 105, "105 minutes"),
    ],
)
def test_minutes_have_the_form_that_goes_with_the_number(code: str, number: int, word: str) -> None:
    assert word in Speaker(get_language(code), "US").say_number(MINUTES, number)
