"""Receives notifications, checks their signatures, and posts some of them to a channel of Slack or Teams.

SECRET=whsec_… CHAT=slack CHAT_URL=https://hooks.slack.com/… python notify_chat.py 8080

Needs: pip install standardwebhooks. Run it behind a server that speaks https.
"""

import json
import os
import sys
import urllib.request
from wsgiref.simple_server import make_server

import standardwebhooks

# An exported hour is no news.
TOLD = {
    "destination_failing": "{destination} fails: {message} {fix}",
    "destination_healed": "{destination} is exported again.",
    "backfill_ended": "Backfill of {destination}, {start} to {end}: {status}, {failed_hours} failed hours.",
}


def slack(text):
    """Return a message for an incoming webhook of Slack."""
    for mark, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(mark, written)
    return {"text": text}


def teams(text):
    """Return a message for a workflow of Teams: an adaptive card."""
    block = {"type": "TextBlock", "text": text, "wrap": True}
    card = {"type": "AdaptiveCard", "version": "1.4", "body": [block]}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


FORMS = {"slack": slack, "teams": teams}


def receiver(secret, form, chat_url):
    """Return a WSGI application. Status 401: a wrong signature; 502: the chat did not take it, call again."""
    signed = standardwebhooks.Webhook(secret)

    def status_of(environ):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        headers = {name: environ.get(f"HTTP_{name.upper().replace('-', '_')}", "") for name in names}
        try:
            notification = signed.verify(body, headers)
        except (standardwebhooks.WebhookVerificationError, ValueError):
            return "401 Unauthorized"
        if notification["type"] in TOLD:
            text = TOLD[notification["type"]].format(**notification)
            message = json.dumps(form(text)).encode()
            request = urllib.request.Request(chat_url, message, {"Content-Type": "application/json"})  # noqa: S310  ours
            try:
                urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  ours
            except OSError:
                return "502 Bad Gateway"
        return "204 No Content"

    def application(environ, start_response):
        start_response(status_of(environ), [("Content-Length", "0")])
        return []

    return application


if __name__ == "__main__":
    settings = os.environ  # noqa: TID251  a program of its own
    app = receiver(settings["SECRET"], FORMS[settings["CHAT"]], settings["CHAT_URL"])
    make_server("", int(sys.argv[1]), app).serve_forever()
