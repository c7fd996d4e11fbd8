"""The templates for Azure, as text, and the roles that they give."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
AZURE = PROJECT / "infra" / "azure"
# What a deployment makes, with its parameters, as the compiler predicts it.
SNAPSHOTS = Path(__file__).with_name("snapshots")
# Which of our clients needs which role: all that the identity is given, and nothing else.
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
# What people and sources get; the owner of a subscription has no right to data.
ROLES_OF_PEOPLE = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
}


def text(name: str) -> str:
    """Return a template."""
    return (AZURE / name).read_text()
