"""What we answer: the replies that are no answer of the FAQ, by name."""

from messages.speaker import say

MORE = say("For more, text {more}.")
NOTHING_MORE = say("There is no more on this. Ask us in your own words, or text {menu} for topics.")
OTHER_LANGUAGES = say("Other languages: text {more}.")
USUAL_DURATION = say("The scan usually takes 30 to 60 minutes.")

# These are about one appointment.
ABOUT_ONE = ("confirmed", "change", "ask_coming", "safety_none", "safety_some")

REPLIES = {
    "menu": say("Write your question in your own words, or text one of these: {topics}. For a person, phone {phone}"),
    "help": say(
        "{clinic}: texts about your appointment. Text {menu} for topics, {languages} to change the language, "
        "STOP for no more texts. A person helps you at {phone}. In an emergency call {emergency}."
    ),
    "stopped": say(
        "{clinic}: you will get no more texts from us. If you want them again, text START. About your appointment, "
        "phone {phone}"
    ),
    "started": say("{clinic}: you will get our texts again. For no more texts, text STOP. Our phone: {phone}"),
    "confirmed": say(
        "Thank you. We expect you on {day}. Please arrive by {arrive}. If anything changes, phone {phone}"
    ),
    "change": say(
        "Thank you for telling us. Our staff will contact you to change or cancel it. Until then your appointment "
        "stays as it is. You can also phone {phone}"
    ),
    "ask_coming": say("Your appointment is on {day}. Please arrive by {arrive}. Will you come? Reply 1 = yes, 2 = no."),
    "ask_which": say("Which appointment do you mean? Reply with the number: {choices}"),
    "ask_topic": say("Do you mean one of these? Reply with the number, or ask again in other words: {choices}"),
    "ask_language": say("Which language? Reply with its name or number: {choices}"),
    # Translators: name your own language here instead of English.
    "language_changed": say("From now on our texts to you are in English."),
    "language_missing": say(
        "Sorry, we do not write that language yet. Phone {phone}, or text {languages} to see ours."
    ),
    "reported": say(
        "Thank you for telling us. This is important. Our staff will see it and contact you before your appointment. "
        "To talk to us now, phone {phone}"
    ),
    "safety_none": say(
        "Thank you. We noted your answer: none of these. If you remember something, tell us before you come. We will "
        "ask again at the clinic."
    ),
    "safety_some": say(
        "Thank you. Please text us what it is, in your own words. Our staff will contact you before your appointment. "
        "You can also phone {phone}"
    ),
    "call_coming": say("Thank you. Our staff will phone you. You can also phone us: {phone}"),
    "companion_asked": say("Thank you. We will ask this person if we may text them too."),
    "companion_joined": say("Thank you. We will text you about the appointment. For no more texts, text STOP."),
    "thanks": say("You are welcome. If you have a question, text us."),
    "wrong_number": say(
        "We are sorry. We will not text this number about this patient again. Thank you for telling us."
    ),
    "emergency": say(
        "If this is an emergency, call {emergency} now. Nobody watches this text line all the time. We will show your "
        "message to our staff. Our phone: {phone}"
    ),
    "unknown": say(
        "Sorry, we did not understand this. Our staff will read your message. For help now, phone {phone}. For topics, "
        "text {menu}."
    ),
    "unreadable": say("Sorry, we can only read written texts here. Please write to us in words, or phone {phone}"),
    "no_appointment": say("We find no coming appointment for this number. Please phone {phone}"),
    "no_address": say("Please phone us, and we will tell you the way: {phone}"),
    "stranger": say("This is the text line of {clinic}. We do not know this number. Please phone us: {phone}"),
}
