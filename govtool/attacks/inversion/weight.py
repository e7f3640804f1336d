"""What findings of reconstruction weigh: showing a class and showing a record are two findings, with two legal weights.

Plain words for a reader who decides, no legal advice; whether a person can be identified is for a human to assess.
"""

CLASS_RECOVERABLE = "class_recoverable"
RECORD_MEMORISED = "record_memorised"

LEGAL_WEIGHT = {
    CLASS_RECOVERABLE: (
        "Recovering what a class looks like is not recovering anybody's record. Where a class stands for one person, a "
        "likeness by which that person can be identified relates to them and is personal data (GDPR Art. 4(1)). Where it "
        "stands for many people, the average of them as a rule says little about any one of them."
    ),
    RECORD_MEMORISED: (
        "What is drawn carries details of the very records trained on, and not of their class alone. Where such a record "
        "relates to a person who can be identified, the drawing may be personal data of that person (GDPR Art. 4(1)), also "
        "where a class stands for many people. It speaks against calling the model anonymous: for that, the likelihood of "
        "obtaining such data from it must be insignificant (EDPB Opinion 28/2024)."
    ),
}
