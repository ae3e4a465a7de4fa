"""The FAQ: what we answer to a question about the exam.

Medical content: "ALS MRI Scan: What to Expect and More" and the public patient pages of the NHS
and RadiologyInfo on MRI. An answer never clears anybody for a scan and never stops a medicine.
"""

from dataclasses import dataclass


def say(sentence: str) -> str:
    """Mark a sentence for extraction; ``Speaker.say`` translates it when it is sent."""
    return sentence


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject of the FAQ.

    ``answer`` may use the placeholders ``{clinic} {phone} {address} {day} {time} {arrive}``.
    ``named`` is the answer for someone whose own text named the condition they are examined for.
    ``for_staff``: a person must see the question too, because the answer depends on the patient.
    """

    code: str
    question: str
    answer: str
    named: str | None = None
    for_staff: bool = False


TOPICS = (
    Topic(
        "duration",
        say("How long does the scan take?"),
        say(
            "The scan usually takes 30 to 60 minutes. It depends on how many pictures your doctors need. "
            "Plan extra time to change clothes and for our safety questions."
        ),
    ),
    Topic(
        "metal",
        say("What do I do with jewelry and other metal?"),
        say(
            "Leave all metal at home: rings, watch, earrings, piercings, hairpins. Take off hearing aids and "
            "dentures when we ask. If a ring does not come off, or there is metal in your body, tell us now: "
            "{phone}"
        ),
    ),
    Topic(
        "implants",
        say("Can I have the scan with an implant or a device?"),
        say(
            "Tell us about every implant or device before you come. Most are checked first. Some are safe, some "
            "need special care or another test. Only our staff can decide. They will see your message. Phone {phone}"
        ),
        for_staff=True,
    ),
    Topic(
        "contrast",
        say("Will I get contrast dye?"),
        say(
            "Contrast dye is used only when your doctors need extra detail. A warm flush for a few seconds is "
            "normal. Reactions are rare and mostly mild. Tell us before the scan about any allergy, kidney "
            "disease or earlier reaction."
        ),
    ),
    Topic(
        "noise",
        say("Is the scanner loud?"),
        say(
            "The scanner is loud: it clicks, buzzes and thumps. You get earplugs or headphones, and often you can "
            "listen to music. Lie as still as you can, then the pictures are clear."
        ),
    ),
    Topic(
        "claustrophobia",
        say("I am afraid of closed spaces. What can I do?"),
        say(
            "Many people feel this way, and we can help. Tell us before the day: {phone}. Some centers have an open "
            "scanner or can give a calming medicine. You can talk to the staff during the scan, and stop it."
        ),
    ),
    Topic(
        "companion",
        say("May someone come with me?"),
        say(
            "Yes, please bring a relative or friend. They can stay near you. If they will be in the scan room, they "
            "must leave metal outside and tell us about implants too."
        ),
    ),
    Topic(
        "safety",
        say("Is the scan dangerous? Is there radiation?"),
        say(
            "MRI uses magnets and radio waves. There is no radiation, also when the scan is repeated. Metal and "
            "implants are what matters most: tell us about all of them before you come. Questions: {phone}"
        ),
    ),
    Topic(
        "food",
        say("May I eat, drink and take my medicines?"),
        say(
            "If we did not tell you otherwise, eat, drink and take your medicines as usual. For some scans and "
            "before a calming medicine you must not eat for some hours. Not sure? Phone {phone}"
        ),
    ),
    Topic(
        "results",
        say("When do I get the results?"),
        say(
            "A specialist looks at the pictures first. Then your doctor explains the results to you. We cannot give "
            "results by text. Ask your doctor when to expect them."
        ),
    ),
    Topic(
        "diagnosis",
        say("What can the scan show?"),
        say(
            "The pictures help your doctors tell one cause from another. The scan is one part of the answer, next "
            "to other tests. A normal scan does not rule everything out. Your doctor will explain what it means for "
            "you."
        ),
        named=say(
            "MRI can show changes in the corticospinal tract and motor cortex. They help tell motor neurone disease "
            "from other conditions. The scan alone is not the answer: a normal scan does not rule it out. Your "
            "doctor will explain."
        ),
    ),
    Topic(
        "repeat",
        say("Will I need the scan again?"),
        say(
            "Doctors often repeat the scan every 6 to 12 months, to see what has changed. MRI has no radiation, "
            "so it can be repeated. Your doctor decides if and when."
        ),
    ),
    Topic(
        "procedure",
        say("What happens during the scan?"),
        say(
            "You change into a gown and leave metal outside. You lie on a table that slides into the scanner. It "
            "does not hurt. It is loud. Lie still. You can talk to the staff at any time."
        ),
    ),
    Topic(
        "where",
        say("Where do I go?"),
        say("Please come to {clinic}, {address}. If you cannot find us, phone {phone}"),
    ),
    Topic(
        "when",
        say("When is my appointment?"),
        say("Your appointment is on {day} at {time}. Please arrive by {arrive}. To change it, phone {phone}"),
    ),
    Topic(
        "pregnancy",
        say("I am or could be pregnant, or I am breastfeeding. What now?"),
        say(
            "Please tell us before the scan if you are pregnant, could be pregnant or are breastfeeding. Our staff "
            "will talk with you and your doctor about what is best. They will see your message. Phone {phone}"
        ),
        for_staff=True,
    ),
    Topic(
        "cost",
        say("What does it cost?"),
        say(
            "We cannot see costs or insurance here. Please phone us and we will help you find out: {phone}. Your "
            "insurance company can also tell you."
        ),
    ),
)
_BY_CODE = {topic.code: topic for topic in TOPICS}


def get_topic(code: str) -> Topic:
    """The topic of a code.

    Raises:
        KeyError: there is no such topic.
    """
    return _BY_CODE[code]
