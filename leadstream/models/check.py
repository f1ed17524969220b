"""What a rule file's parts must be to each other, beyond the form of each."""

from leadstream.models.check_policy import check_policy
from leadstream.models.check_rules import check_rules
from leadstream.models.document import Document
from leadstream.models.schema import RuleFile


def check(document: Document, file: RuleFile) -> None:
    """Notes in the document all contradictions: of the rules, and of what is done about the score."""
    check_rules(document, file)
    check_policy(document, file)
