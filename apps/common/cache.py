"""The cache may lose anything at any time, also all at once: a server that is away is a cache that is empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class ForgetfulRedisCache(RedisCache):
    """Redis, where an error reads as "not there" and writes as "not kept"; nothing that must be kept belongs here."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._try(lambda: super(ForgetfulRedisCache, self).get(key, default, version), default)

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        self._try(lambda: super(ForgetfulRedisCache, self).set(key, value, *args, **kwargs), None)

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        return bool(self._try(lambda: super(ForgetfulRedisCache, self).add(key, value, *args, **kwargs), True))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._try(lambda: super(ForgetfulRedisCache, self).delete(key, version), False))

    def touch(self, key: Any, *args: Any, **kwargs: Any) -> bool:
        return bool(self._try(lambda: super(ForgetfulRedisCache, self).touch(key, *args, **kwargs), False))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return bool(self._try(lambda: super(ForgetfulRedisCache, self).has_key(key, version), False))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        value = self._try(lambda: super(ForgetfulRedisCache, self).incr(key, delta, version), None)
        if value is None:
            raise ValueError(f"Key {key!r} not found")
        return int(value)

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        found: dict[Any, Any] = self._try(lambda: super(ForgetfulRedisCache, self).get_many(keys, version), {})
        return found

    def set_many(self, data: Any, *args: Any, **kwargs: Any) -> list[Any]:
        kept: list[Any] = self._try(
            lambda: super(ForgetfulRedisCache, self).set_many(data, *args, **kwargs), list(data)
        )
        return kept

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        self._try(lambda: super(ForgetfulRedisCache, self).delete_many(keys, version), None)

    def clear(self) -> None:
        self._try(lambda: super(ForgetfulRedisCache, self).clear(), None)

    @staticmethod
    def _try(do: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return do()
        except RedisError as error:
            log.warning("CACHE_AWAY", problem=repr(error)[:200])
            return otherwise
