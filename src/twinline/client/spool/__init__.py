"""A bounded spool on disk: records wait here until the server has taken them.

Format. A folder holds segments, `{milliseconds:013d}-{pid}-{random hex}.seg`. A segment is
preallocated and mapped into the memory of the one process that writes it. One record is one
line: eight hex digits of the CRC-32 of the payload, a space, the payload, a newline. What
follows the last line is zero bytes. Beside a partly shipped segment lies `X.seg.done`, the
number of its bytes that need no shipping any more. `X.seg.new` is a file in the making.

Promises.

- An append is a copy into the page cache, without a system call. It survives the death of
  the process, kill -9 included. A power cut may cost the last seconds, as nothing is synced.
- A damaged or torn line is skipped and counted; the lines before and after it survive.
- A process holds an exclusive `flock` on the segments it writes or ships. A segment whose
  lock can be had is an orphan, and exactly one other process adopts it.
- The segments of all processes together stay within a number of bytes. What does not fit
  is dropped and counted; an old record is never overwritten by a new one.
- A full disk is noticed when a segment is preallocated, never by a SIGBUS while writing.
  (File systems that cannot reserve space, such as ZFS or NFS, cannot keep this promise.)
- A record may be handed out twice, after a crash. The receiver is to recognise it.
"""

from twinline.client.spool.answers import Depth, Taken
from twinline.client.spool.spool import Spool

__all__ = ["Depth", "Spool", "Taken"]
