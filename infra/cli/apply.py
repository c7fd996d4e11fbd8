"""Making destinations as a file has them, one after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from infra.cli.client import Client, CommandError, Json
from infra.cli.configuration import STATUS, Difference, Form, Wanted, status_of


@dataclass(slots=True)
class Applied:
    """What became of a destination of a file: what differed, and why it could not be changed, if so."""

    id: str
    new: bool = False
    differences: list[Difference] = field(default_factory=list)
    secrets: bool = False
    error: str | None = None

    @property
    def changes(self) -> bool:
        """Whether anything is to change."""
        return bool(self.differences) or self.secrets

    def document(self) -> Json:
        """Return it for programs."""
        differences = [
            {"field": each.path, "before": each.before, "after": each.after} for each in self.differences
        ]
        return {"id": self.id, "new": self.new, "differences": differences, "error": self.error}


def apply_each(
    client: Client, form: Form, wanted: Iterable[Wanted], *, dry_run: bool = False, secrets: bool = False
) -> list[Applied]:
    """Make each destination as it is wanted; what one of them refuses does not stop the others."""
    found = []
    for each in wanted:
        applied = Applied(each.id)
        try:
            _apply(client, form, each, applied, dry_run=dry_run, secrets=secrets)
        except CommandError as error:
            applied.error = str(error)
        found.append(applied)
    return found


def _apply(  # noqa: PLR0913  each by its name
    client: Client, form: Form, wanted: Wanted, applied: Applied, *, dry_run: bool, secrets: bool
) -> None:
    path = f"/destinations/{wanted.id}"
    answer = client.call("GET", path)
    current: Json | None = None
    if answer.status != HTTPStatus.NOT_FOUND:
        current = client.checked(answer).body
    applied.new, applied.secrets = current is None, secrets
    applied.differences = wanted.differences(form, current)
    changed = {each.path for each in applied.differences}
    if dry_run or not applied.changes:
        return
    if secrets or changed - {STATUS}:
        body = wanted.request(
            form,
            secrets=secrets
            or any(name.startswith(("credentials.", "storage.account_url")) for name in changed),
            webhook_secret=secrets or "notify.url" in changed,
        )
        # Nobody else's change is overwritten.
        condition = {"If-None-Match": "*"} if current is None else {"If-Match": answer.headers["etag"]}
        saved = client.checked(client.call("PUT", path, body, **condition)).body
    else:
        saved = current
    if wanted.status is not None and saved is not None:
        _move(client, path, status_of(saved), wanted.status)


def _move(client: Client, path: str, status: str, wanted: str) -> None:
    """Bring a destination from a status to another one."""
    if status == wanted:
        return
    if wanted == "draft":
        raise CommandError("a destination that was activated cannot become a draft: pause it", 1)
    if status == "draft":
        client.post(f"{path}/activate")
        status = "active"
    if status != wanted:
        client.post(f"{path}/{'pause' if wanted == 'paused' else 'activate'}")
