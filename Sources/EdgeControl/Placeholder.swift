internal import Hummingbird
internal import ServiceLifecycle
internal import Logging
internal import NIOHTTP1
