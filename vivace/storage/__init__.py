"""Files under names: in a folder, in memory, or wherever a backend of your own keeps them."""

from __future__ import annotations

from .base import Storage as Storage
from .files import ContentFile as ContentFile
from .files import File as File
from .files import UploadedFile as UploadedFile
from .filesystem import FileSystemOptions as FileSystemOptions
from .filesystem import FileSystemStorage as FileSystemStorage
from .memory import MemoryStorage as MemoryStorage
from .storages import Storages as Storages
from .storages import current_storages as current_storages
from .storages import storage_for as storage_for
