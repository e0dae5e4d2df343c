"""One example of each command, as its help shows it.

A test has every one parsed by its command, so that help cannot name an option that is gone.
"""

from typer.core import TyperGroup

EXIT_CODES_SAID = (
    "Exit codes: 0 done, 1 error, 2 wrong usage, 3 not found, 4 conflict, 5 not allowed, "
    "6 not available."
)

EXAMPLES = """
up --port 8420
demo --scene recall --exit
deploy support@production --bundle bundles:/3f9a1c22b1d0 -r 'first release'
rollback support@production --side prompt -r 'answers became too long'
live --watch
history support@production
timeline support@production
changes support@production --from 'yesterday 14:02'
blame support@production --at 2h
divergences --since 1d
ramp support@production canary 20% -r 'no errors at 5%'
experiment support@production
kill support@production -r 'answers in the wrong language'
lift 1 -r 'the prompt is back'
kills
clients production --watch 5
manifest production production.json
resolve support@production -c '{"tenant": "acme"}' --decision ticket-4711
record requests.jsonl
outcome 01a1fd1b-43b9-7dbb-9de9-89ee4f764673 --status error --latency-ms 8400 --score 0.2
tail --slot support@production --model models:/gpt-4o/1
explain decisions:/ticket-4711
lineage prompts:/support/answer/2 --direction downstream
impact prompts:/support/answer/2 --csv touched.csv
prospect retirement prompts:/support/answer/2
own support@production care-team --contact '#care'
nodes add index faq --owner care-team
nodes list
nodes connect nodes:/index/faq prompts:/support/answer/2
nodes disconnect nodes:/index/faq prompts:/support/answer/2 -r 'moved away'
nodes retire prompts:/support/answer/2 -r 'too long'
nodes retired --all
nodes restore 1 -r 'it was not that one'
policies check policy.json
policies show support@production
policies schema
policies explain support@production -c '{"region": "eu-west"}'
prompts diff support/answer 1 production
prompts access support/answer --by-version
prompts label support/answer production 2 -r 'reviewed'
prompts export prompts --domain support
prompts import prompts --check
prompts unlabel support/answer production -r 'not served any more'
prompts promote support/answer staging production -r 'a week without errors'
prompts protect production -r 'it is what customers see'
prompts unprotect production -r 'the slot is protected'
prompts protected
prompts history support/answer
prompts create support/answer -t 'Answer {{ question }}.' -m 'first try'
prompts show support/answer --label production
prompts list 'refund policy' --csv
prompts versions support/answer
prompts check support/answer -t 'Answer {{ question }}.'
prompts render support/answer --var question='Why?'
prompts includes support/answer
prompts included-by parts/tone
prompts outdated parts/tone
prompts update-includers parts/tone -r 'the new tone'
prompts retire support/answer -r 'nobody asks it'
prompts unretire support/answer -r 'somebody does'
models import churn --alias champion
models register gpt-4o openai:/gpt-4o-2024-08-06
models list
models versions churn
models show churn 3
models names set openai 'gpt-4o*' models:/gpt-4o/1 -r 'what traces call it'
models names list
models names drop openai 'gpt-4o*'
mlflow sync --full
mlflow status --watch
mlflow drift
mlflow history churn
mlflow backfill --from 30d
mlflow link support@production champion
mlflow links
mlflow unlink support@production
mlflow moves support@production
mlflow proposals support@production
mlflow accept 1 -r 'evaluated'
mlflow decline 1 -r 'not evaluated'
mlflow changes
mlflow hooks install https://twinline.example
bundles pair --model models:/gpt-4o/1 --prompt prompts:/support/answer/2
bundles show 3f9a1c22b1d0
bundles list --csv
bundles state incompatible --model models:/gpt-4o/1 --prompt prompts:/support/answer/2 -r 'shouts'
suites define golden --threshold 0.8
suites list
suites show golden
suites attach golden support/answer
suites detach golden support/answer -r 'another suite does'
suites require golden production -r 'customers see it'
suites release golden production -r 'another suite does'
evaluate worker --suite golden --command 'python score.py'
evaluate compare 41 42
evaluate pending --watch
evaluate ask golden prompts:/support/answer/2
evaluate missing support@production 3f9a1c22b1d0
evaluate waive support@production 3f9a1c22b1d0 golden -r 'an incident'
evaluate waivers
evaluate record 3f9a1c22b1d0 --suite golden --passed 9 --failed 1
evaluate list 3f9a1c22b1d0
evaluate newest 3f9a1c22b1d0
evaluate show 41
export cyclonedx 3f9a1c22b1d0
export intoto 3f9a1c22b1d0
export prov prompts:/support/answer/2
export graphml prompts:/support/answer/2
export openlineage production
recall create prompts:/support/answer/2 -r 'wrong language'
recall list --all
recall show 1
recall plan 1
recall execute 1 -r 'as agreed'
recall lift 1 -r 'it was not that one'
recall verify 1
config show
config path
config profiles
config set work url https://twinline.example
config use work
keys issue app --role service
keys list
keys revoke twl_01234567
audit log --most 20
audit verify
db migrate
db check
""".strip().splitlines()


def add_examples(group: TyperGroup, within: tuple[str, ...] = ()) -> None:
    """Let each command's help end with its example and what exit codes mean."""
    for name, command in group.commands.items():
        path = (*within, name)
        if isinstance(command, TyperGroup):
            add_examples(command, path)
        elif example := example_of(" ".join(path)):
            command.epilog = f"Example: twinline {example}\n\n{EXIT_CODES_SAID}"


def example_of(command: str) -> str | None:
    """The example of a command, without the program's name; None when it has none."""
    return next((one for one in EXAMPLES if one == command or one.startswith(f"{command} ")), None)
