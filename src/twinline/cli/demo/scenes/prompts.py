"""A promise that is written once: prompts within prompts, and readers who know no Twinline."""

from twinline.cli.demo.stage import Stage

NEEDS: tuple[str, ...] = ()
PROMISE, CHAT = "support/promise", "support/chat"


def play(stage: Stage) -> None:
    """Change a part, bring what includes it up to date, label that, and read it by the label."""
    one_day = "The {{ team }} team will answer within one working day."
    stage.types(f"prompts create {PROMISE} -t '{one_day}' -m 'What we promise'")
    stage.types(f"prompts create {CHAT} -t 'Hello! {{{{> {PROMISE}@1 }}}}' -m 'First version'")
    two_days = one_day.replace("one working day", "two working days")
    stage.types(f"prompts create {PROMISE} -t '{two_days}' -m 'What we can keep'")
    stage.types(f"prompts outdated {PROMISE}")
    stage.types(f"prompts update-includers {PROMISE} -r 'what we can keep'")
    stage.types(f"prompts diff {CHAT} 1 2")
    stage.types(f"prompts label {CHAT} production 2 -r 'reviewed'")
    stage.types(f"prompts render {CHAT} --label production --var team=billing")
    stage.tells("An application that has an HTTP client and nothing of ours reads it, too:")
    stage.fetches(f"/api/prompts/{CHAT}/latest?environment=production")
    labelled = stage.client.prompts.get(CHAT, label="production")
    stage.requires(labelled.number == 2, f"production is on version {labelled.number}")
    text = str(labelled.composed)
    stage.requires("two working days" in text, f"{labelled.ref} says {text!r}")
