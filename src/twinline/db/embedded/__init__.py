"""A PostgreSQL of our own: a small lifecycle over a folder of executables.

Everything lives in Twinline's home folder: ``postgres/`` is the data, ``postgres.log``
what PostgreSQL says, ``postgres.socket`` a link to the private folder of its socket
(short and below /tmp, because the path of a socket has at most 107 bytes),
``postgres.lock`` is held by whoever starts or stops, and ``postgres.owners`` is held
together by all owners. There is no TCP port.

What is alive is told by the kernel and not by numbers in files: each process of the
server inherits a descriptor of the data folder with a lock (flock) on it. The lock goes
when the last of them is gone, whatever killed them, so neither a zombie nor a recycled
process id nor another container is taken for our server, or overlooked.

PostgreSQL refuses to run as root. Started by root, it runs as the account that owns the
data folder, at first ``postgres`` or else ``nobody``. Below a home like /root (0700) that
account can reach neither data nor executables, and we do not open folders to it:

- The data folder is named ``/proc/self/fd/N``, the descriptor that the server inherits.
  The kernel follows it without walking through the folders above. Weighed and refused:
  a capability to read everything (gives the server every file of the machine, and
  containers lack it); ``-D .`` (PostgreSQL makes it absolute and walks from the top); a
  data folder elsewhere with a link at home (a volume mounted at home would miss it).
- Executables look for their libraries by their real path, so these are copied once to
  /var/cache/twinline, where root owns them and every account may read them.
"""

from twinline.db.embedded.binaries import Binaries, find_binaries
from twinline.db.embedded.cluster import Cluster
from twinline.db.embedded.folder import copy_template

__all__ = ["Binaries", "Cluster", "copy_template", "find_binaries"]
