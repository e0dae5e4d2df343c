"""The Langfuse face: the unmodified Langfuse SDKs read, make and label our prompts, and what
they trace becomes inferences.

What it is not: a second registry. Every read and write goes through `prompts.actions`, every
trace through `otel.actions`, under the same permissions and into the same audit log. The
public key is the first twelve characters of an API key, the secret key is the key.

What differs from Langfuse: identical content is one version, versions are never deleted
(DELETE takes labels off), a config is an object, and its member ``twinline`` is ours: the
version's reference, digest and syntax, the bundles with it that are live, and how old the
answer is. What a version includes stands in the text that is read, as it was pinned; a prompt
that is composed in Langfuse's way is refused, because it would be kept as mere text. What is
read and sent back unchanged is the version that it was read from, with all that Langfuse has
no words for.

Invariants: reads are never answered by 304 or a redirect, which the SDKs take for errors;
what was read before is answered from memory while the database is away.
"""
