"""Functions whose every call is an inference."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import partial, wraps
from types import coroutine
from typing import Any, TypeVar, cast

from twinline.mlflow.blocks import AnyClient, InferenceBlock, inference

Function = TypeVar("Function", bound=Callable[..., Any])
Answer = TypeVar("Answer")
OfArguments = Callable[..., Any]


def traced(
    client: AnyClient,
    route: str,
    *,
    context: Callable[..., dict[str, Any] | None] | dict[str, Any] | None = None,
    decision: Callable[..., str | None] | None = None,
    environment: str | None = None,
    keep_context: bool = False,
) -> Callable[[Function], Function]:
    """Make every call of a function an inference, in a trace with its arguments and answer::

        @twinline.mlflow.traced(client, "support-answer", context=lambda question: {...})
        def answer(question: str) -> str:
            call = twinline.mlflow.current_call()
            ...

    The function may be asynchronous, and may be a generator: a stream is one inference,
    recorded when it ends, fails, or is closed before its end (which is no error). A
    generator runs in a copy of the context of whoever reads it, so nothing of the call is
    seen between two of its chunks.

    ``context`` and ``decision`` may be functions of the same arguments.

    Raises:
        NotFound, Killed, NoActiveBundle, Unavailable: from the function, as `Client.resolve`.
    """

    def begin(arguments: tuple[Any, ...], named: dict[str, Any]) -> InferenceBlock:
        given = context(*arguments, **named) if callable(context) else context
        about = decision(*arguments, **named) if decision is not None else None
        return inference(
            client,
            route,
            given,
            environment=environment,
            decision=about,
            keep_context=keep_context,
        )

    def decorate(function: Function) -> Function:
        wrapper = _wrapper(function)(function, begin, inspect.signature(function))
        return cast("Function", wraps(function)(wrapper))

    return decorate


Begin = Callable[[tuple[Any, ...], dict[str, Any]], InferenceBlock]


def _wrapper(
    function: OfArguments,
) -> Callable[[OfArguments, Begin, inspect.Signature], OfArguments]:
    """What fits the kind of function."""
    if inspect.isasyncgenfunction(function):
        return _async_stream
    if inspect.isgeneratorfunction(function):
        return _stream
    return _async_call if inspect.iscoroutinefunction(function) else _call


def _call(function: OfArguments, begin: Begin, signature: inspect.Signature) -> OfArguments:
    def wrapper(*arguments: Any, **named: Any) -> Any:
        with (block := begin(arguments, named)):
            _show_inputs(block, signature, arguments, named)
            answer = function(*arguments, **named)
            _show_outputs(block, answer)
            return answer

    return wrapper


def _async_call(function: OfArguments, begin: Begin, signature: inspect.Signature) -> OfArguments:
    async def wrapper(*arguments: Any, **named: Any) -> Any:
        async with (block := begin(arguments, named)):
            _show_inputs(block, signature, arguments, named)
            answer = await function(*arguments, **named)
            _show_outputs(block, answer)
            return answer

    return wrapper


def _stream(function: OfArguments, begin: Begin, signature: inspect.Signature) -> OfArguments:
    def wrapper(*arguments: Any, **named: Any) -> Generator[Any, Any, Any]:
        inside, block = copy_context(), begin(arguments, named)
        inside.run(block.__enter__)
        chunks: list[Any] = []
        with _ended(inside, block):
            _show_inputs(block, signature, arguments, named)
            result = yield from _steps(inside, function(*arguments, **named), chunks)
            _show_outputs(block, chunks)
            return result

    return wrapper


def _async_stream(function: OfArguments, begin: Begin, signature: inspect.Signature) -> OfArguments:
    async def wrapper(*arguments: Any, **named: Any) -> AsyncGenerator[Any, Any]:
        inside, block = copy_context(), begin(arguments, named)
        await _within(inside, block.__aenter__())
        chunks: list[Any] = []
        with _ended(inside, block):
            _show_inputs(block, signature, arguments, named)
            stream: AsyncGenerator[Any, Any] = function(*arguments, **named)
            sent: Any = None
            try:
                while True:
                    chunks.append(await _within(inside, stream.asend(sent)))
                    sent = yield chunks[-1]
            except StopAsyncIteration:
                _show_outputs(block, chunks)
            finally:
                await _within(inside, stream.aclose())

    return wrapper


def _steps(
    inside: Context, stream: Generator[Any, Any, Any], chunks: list[Any]
) -> Generator[Any, Any, Any]:
    """As ``yield from``, with each step of the stream in a context of its own."""
    step = partial(stream.send, None)
    while True:
        try:
            chunks.append(inside.run(step))
        except StopIteration as end:
            return end.value
        try:
            sent = yield chunks[-1]
        except GeneratorExit:
            inside.run(stream.close)
            raise
        except BaseException as error:  # noqa: BLE001 -- it is the stream's to deal with
            step = partial(stream.throw, error)
        else:
            step = partial(stream.send, sent)


@coroutine
def _within(inside: Context, waiting: Awaitable[Answer]) -> Generator[Any, Any, Answer]:
    """Await something in a context of its own, in the task that awaits it.

    Another task would be simpler, but timeouts and cancel scopes that a stream holds open
    from one chunk to the next belong to one task.
    """
    steps = waiting.__await__()
    step = partial(steps.send, None)
    while True:
        try:
            awaited = inside.run(step)
        except StopIteration as end:
            return end.value
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 -- it is for whoever awaits
            step = partial(steps.throw, error)
        else:
            step = partial(steps.send, sent)


@contextmanager
def _ended(inside: Context, block: InferenceBlock) -> Generator[None]:
    """End the block where it began, in its context."""
    try:
        yield
    except BaseException as error:
        inside.run(block.__exit__, type(error), error, error.__traceback__)
        raise
    else:
        inside.run(block.__exit__, None, None, None)


def _show_inputs(
    block: InferenceBlock,
    signature: inspect.Signature,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    if block.span is not None:
        try:
            bound = signature.bind(*arguments, **named)
        except TypeError:  # the function itself will say so, better
            return
        block.span.show_inputs(
            {name: value for name, value in bound.arguments.items() if name not in ("self", "cls")}
        )


def _show_outputs(block: InferenceBlock, answer: object) -> None:
    if block.span is not None:
        block.span.show_outputs(answer)
