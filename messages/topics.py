"""The FAQ: what we answer to a question about the exam.

Medical content: "ALS MRI Scan: What to Expect and More" and the public patient pages of the NHS
and RadiologyInfo on MRI. An answer never clears anybody for a scan and never stops a medicine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from messages.speaker import say


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject of the FAQ.

    ``answer`` is for someone with an MRI scan, and for everybody where ``general``. ``others`` has the
    answers for other kinds of exams; a kind without one is told that the MRI answer is not for it.
    ``more`` is what MORE gives. All may use the placeholders ``{clinic} {phone} {address} {day} {time}
    {arrive}``. ``named`` is the answer for someone whose own text named the condition they are examined
    for. ``for_staff``: a person must see the question too, because the answer depends on the patient.
    """

    code: str
    question: str
    answer: str
    more: str | None = None
    named: str | None = None
    general: bool = False
    others: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    for_staff: bool = False

    def find_answer(self, kind: str, *, named: bool) -> str:
        """The sentence that answers for this kind of exam."""
        if kind == "mri" or self.general:
            return self.named if named and self.named else self.answer
        return self.others.get(kind) or self.others.get("*") or NOT_MRI

    def find_more(self, kind: str) -> str | None:
        """What MORE gives for this kind of exam."""
        return self.more if kind == "mri" or self.general else None


NOT_MRI = say("Your appointment is not an MRI scan, so this is different for you. Please ask us: {phone}")

TOPICS = (
    Topic(
        "duration",
        say("How long does the scan take?"),
        say(
            "It depends on how many pictures your doctors need. Changing clothes and our safety questions take time "
            "too."
        ),
        others={"*": say("It can take a little longer. If you have to be somewhere after it, tell us: {phone}")},
    ),
    Topic(
        "metal",
        say("What do I do with jewelry and other metal?"),
        say(
            "Leave all metal at home: rings, watch, earrings, piercings, hairpins. Take off hearing aids and "
            "dentures when we ask. If a ring does not come off, or there is metal in your body, tell us now: "
            "{phone}"
        ),
        more=say(
            "Also leave outside: phone, keys, coins, bank cards, glasses, belt, a bra with wire, clothes with metal "
            "threads. Come without make-up and hair spray. Some skin patches have metal in them: ask us what to do "
            "with yours, {phone}"
        ),
    ),
    Topic(
        "implants",
        say("Can I have the scan with an implant or a device?"),
        say(
            "Tell us about every implant or device before you come. Most are checked first. Some are safe, some "
            "need special care or another test. Only our staff can decide. They will see your message. Phone {phone}"
        ),
        more=say(
            "Tell us about: pacemaker, defibrillator, clip in the head, ear implant, nerve stimulator, medicine or "
            "insulin pump, glucose sensor, stent, heart valve, shunt, metal splinters, an operation not long ago. "
            "If you have a card for your implant, bring it."
        ),
        general=True,
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
        more=say(
            "The dye goes into a vein in your arm through a small tube. Some parts then show better in the pictures. "
            "Tell us too if you are pregnant or breastfeeding. If you feel unwell during the scan or after it, tell "
            "the staff at once."
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
        more=say(
            "This helps many people: keep your eyes closed, breathe slowly, think of a place you like, ask for "
            "music. You hold a button to call the staff. A calming medicine must be planned before the day, and "
            "someone must take you home after it. Phone {phone}"
        ),
    ),
    Topic(
        "companion",
        say("May someone come with me?"),
        say(
            "Yes, please bring a relative or friend. They can stay near you. If they will be in the scan room, they "
            "must leave metal outside and tell us about implants too."
        ),
        more=say(
            "A companion can help you to move, to speak and to remember what was said. If you need help to walk or "
            "to speak, cannot lie flat, or use a breathing aid, tell us before you come: {phone}"
        ),
        others={"*": say("Yes, please bring a relative or friend. They can stay near you and help you.")},
    ),
    Topic(
        "safety",
        say("Is the scan dangerous? Is there radiation?"),
        say(
            "MRI uses magnets and radio waves. There is no radiation, also when the scan is repeated. Metal and "
            "implants are what matters most: tell us about all of them before you come. Questions: {phone}"
        ),
        more=say(
            "The magnet is strong and always on. It can pull loose metal and disturb some devices. That is why we ask "
            "the same questions more than once. You wear ear protection, and the staff see and hear you all the time."
        ),
    ),
    Topic(
        "food",
        say("May I eat, drink and take my medicines?"),
        say(
            "If we did not tell you otherwise, eat, drink and take your medicines as usual. For some scans and "
            "before a calming medicine you must not eat for some hours. Not sure? Phone {phone}"
        ),
        general=True,
    ),
    Topic(
        "results",
        say("When do I get the results?"),
        say(
            "A specialist looks at your test first. Then your doctor explains the results to you. We cannot give "
            "results by text. Ask your doctor when to expect them."
        ),
        general=True,
    ),
    Topic(
        "diagnosis",
        say("What can the scan show?"),
        say(
            "The pictures help your doctors tell one cause from another. The scan is one part of the answer, next "
            "to other tests. A normal scan does not rule everything out. Your doctor will explain what it means for "
            "you."
        ),
        more=say(
            "Your doctors put the pictures together with your examination and often with nerve, blood or other tests. "
            "It can take time until they are sure. Ask them what they look for, and bring someone you trust."
        ),
        named=say(
            "MRI can show changes in the corticospinal tract and motor cortex. They help tell motor neurone disease "
            "from other conditions. The scan alone is not the answer: a normal scan does not rule it out. Your "
            "doctor will explain."
        ),
        others={
            "*": say(
                "The test helps your doctors tell one cause from another. It is one part of the answer, next to other "
                "tests. Your doctor will explain what it means for you."
            )
        },
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
        more=say(
            "For a scan of the head, a frame is put round it. It does not hurt. You hold a button to call us. If you "
            "cannot lie flat or still, or use a breathing aid, tell us before the day: {phone}. Our staff tell you "
            "when you may go home."
        ),
        others={
            "nerves": say(
                "Small electric pulses on your skin test the nerves. Then a thin needle may test some muscles. It can "
                "be unpleasant for a short time. You can ask for a break at any time. Wear loose clothes."
            ),
            "puncture": say(
                "You lie on your side or sit bent forward. Your lower back is made numb. A thin needle takes a little "
                "fluid. Then you rest. Some people get a headache in the days after: if it is bad or stays, phone "
                "{phone}"
            ),
            "laboratory": say(
                "We take a little blood from a vein in your arm. You may be asked for some urine too. It is done in a "
                "few minutes. Tell us if you have felt faint when blood was taken before."
            ),
            "*": say("Please phone us. We will tell you what happens at your appointment: {phone}"),
        },
    ),
    Topic(
        "where",
        say("Where do I go?"),
        say("Please come to {clinic}, {address}. If you cannot find us, phone {phone}"),
        general=True,
    ),
    Topic(
        "when",
        say("When is my appointment?"),
        say("Your appointment is on {day} at {time}. Please arrive by {arrive}. To change it, phone {phone}"),
        general=True,
    ),
    Topic(
        "pregnancy",
        say("I am or could be pregnant, or I am breastfeeding. What now?"),
        say(
            "Please tell us before the scan if you are pregnant, could be pregnant or are breastfeeding. Our staff "
            "will talk with you and your doctor about what is best. They will see your message. Phone {phone}"
        ),
        general=True,
        for_staff=True,
    ),
    Topic(
        "cost",
        say("What does it cost?"),
        say(
            "We cannot see costs or insurance here. Please phone us and we will help you find out: {phone}. Your "
            "insurance company can also tell you."
        ),
        general=True,
    ),
)
_BY_CODE = {topic.code: topic for topic in TOPICS}


def get_topic(code: str) -> Topic:
    """The topic of a code.

    Raises:
        KeyError: there is no such topic.
    """
    return _BY_CODE[code]
