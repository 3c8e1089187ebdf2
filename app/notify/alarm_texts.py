"""Causes of alarms as a notice names them, in both languages."""

from collections.abc import Mapping

from app.domain.alarms import AlarmCause

WORDS: Mapping[AlarmCause, Mapping[str, str]] = {
    AlarmCause.QUARANTINED: {"zh": "有食品因温度被锁住，等待查看", "en": "food is kept shut and waits to be looked at"},
    AlarmCause.TOO_WARM: {"zh": "温区过热", "en": "a zone is too warm"},
    AlarmCause.TOO_COLD: {"zh": "温区过冷", "en": "a zone is too cold"},
    AlarmCause.UNMEASURED: {"zh": "温区没有温度读数", "en": "nobody measures a zone"},
    AlarmCause.LOCKER_SILENT: {"zh": "柜子没有回应", "en": "a locker is silent"},
    AlarmCause.SITE_SILENT: {"zh": "小区没有回应", "en": "a site is silent"},
    AlarmCause.SENSOR: {"zh": "温度探头有故障", "en": "a probe is not to be believed"},
    AlarmCause.DEFROST: {"zh": "除霜时间过长或过于频繁", "en": "a locker thaws too long or too often"},
}


def cause_words(cause: AlarmCause, language: str) -> str:
    """Say a cause within a sentence."""
    return WORDS[cause][language]
