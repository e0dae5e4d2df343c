"""What a prompt version is written in: templates, their variables, includes and examples."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictStr, model_validator

from twinline.language.canonical import Digest
from twinline.language.records.base import Json, Record, Request, example
from twinline.language.refs import PromptVersionRef
from twinline.language.values import VariableType, fits

VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.]*$"

PromptKind = Literal["text", "chat"]
Syntax = Literal["twinline", "jinja2"]
"""How a template is read: ``twinline`` knows variables and includes and nothing else;
``jinja2`` is rendered by that library, which the client needs for it."""

NoteKind = Literal["undeclared", "unused", "braces", "invisible", "example", "more"]
"""What a note is about; ``more`` says how many others were left out."""


class Message(Request):
    """One message of a chat template; its content may hold ``{{ variables }}``."""

    role: Annotated[
        StrictStr,
        Field(
            min_length=1,
            max_length=50,
            examples=["system"],
            description="`system`, `user`, `assistant` or what the model knows.",
        ),
    ]
    content: StrictStr = Field(description="May hold `{{ variables }}` and includes.")


class Placeholder(Request):
    """The place in a chat template where the caller's own messages go."""

    type: Literal["placeholder"] = Field(description="Tells it from a message.")
    name: Annotated[
        StrictStr,
        Field(
            pattern=VARIABLE_PATTERN,
            examples=["history"],
            description="What the messages are passed as.",
        ),
    ]


Template = (
    Annotated[StrictStr, Field(min_length=1)]
    | Annotated[tuple[Message | Placeholder, ...], Field(min_length=1)]
)
"""A text, or the messages of a chat in order."""


class Declaration(Request):
    """What a variable of a template is for, and which values it takes."""

    name: Annotated[
        str,
        Field(
            pattern=VARIABLE_PATTERN,
            max_length=200,
            examples=["question"],
            description="As the template says it.",
        ),
    ]
    type: VariableType = Field(default="string", description="Which values it takes.")
    required: Annotated[
        bool,
        Field(
            description="Whether rendering fails without a value when there is no default; "
            "else nothing stands in its place."
        ),
    ] = True
    default: Annotated[
        Any, Field(description="The value when none is given; None: there is no default.")
    ] = None
    description: Annotated[
        str, Field(max_length=1000, description="What it is for, for people.")
    ] = ""

    model_config = example(name="sentences", type="integer", default=2, description="How many.")

    @model_validator(mode="after")
    def _the_default_is_a_value(self) -> "Declaration":
        if self.default is not None and not fits(self.type, self.default):
            raise ValueError(f"the default of {self.name!r} is no {self.type}: {self.default!r}")
        return self


class Variable(Record):
    """A variable of a template: one that it uses, or that was declared for it."""

    name: Annotated[str, Field(pattern=VARIABLE_PATTERN, description="As the template says it.")]
    type: VariableType | None = Field(default=None, description="None: it was not declared.")
    required: bool = Field(
        default=True, description="Whether rendering fails without a value and a default."
    )
    default: Any = Field(default=None, description="None: there is no default.")
    description: str = Field(default="", description="What it is for, for people.")
    declared_in: PromptVersionRef | None = Field(
        default=None, description="The included version that declares it; None: this one."
    )


class Example(Request):
    """Values for the variables, and the messages that make a good conversation with them."""

    variables: Annotated[Json, Field(default_factory=dict, description="Values, by variable.")]
    messages: Annotated[
        tuple[Message, ...], Field(min_length=1, description="What is said with them.")
    ]

    model_config = example(
        variables={"question": "Where is my order?"},
        messages=[{"role": "assistant", "content": "It arrives tomorrow."}],
    )


class Include(Record):
    """A version that stands in a template, pinned when the version was made."""

    written: str = Field(
        description="As the template says it.", examples=["support/tone@production"]
    )
    version: PromptVersionRef
    digest: Digest = Field(description="Of that version, and so of all that it includes.")


class Note(Record):
    """Something about a version's content that its author may not have meant."""

    kind: NoteKind = Field(description="What it is about.")
    place: str = Field(
        examples=["template", "template[2].content", "examples[0]"],
        description="Where it was found.",
    )
    text: str = Field(description="The same for people, with what to do.")
