"""Chinese names: pinyin with and without tones, initials, pairs of characters, and the Cyrillic way of writing them."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise, product

from careline.core.names.scripts import is_han

# Characters read otherwise as a family name (Xiandai Hanyu Cidian).
_AS_FAMILY = {
    "单": "shan4", "曾": "zeng1", "解": "xie4", "仇": "qiu2", "查": "zha1", "任": "ren2", "区": "ou1", "盖": "ge3",
    "华": "hua4", "朴": "piao2", "秘": "bi4", "冼": "xian3", "翟": "zhai2", "繁": "po2", "员": "yun4", "乐": "yue4",
    "召": "shao4", "折": "she2", "黑": "he4", "哈": "ha3", "燕": "yan1", "宁": "ning4", "缪": "miao4", "覃": "qin2",
    "尉": "wei4", "洗": "xian3", "葛": "ge3", "牟": "mu4", "种": "chong2", "祭": "zhai4", "那": "na1", "卜": "bu3",
    "曲": "qu1", "訾": "zi1", "逄": "pang2", "长": "chang2", "吕": "lü3", "沈": "shen3",
}  # fmt: skip
# Characters of given names that are commonly read in two ways.
_TWO_WAYS = {
    "乐": ("le4", "yue4"), "晟": ("sheng4", "cheng2"), "茜": ("qian4", "xi1"), "长": ("chang2", "zhang3"),
    "朝": ("chao2", "zhao1"), "行": ("xing2", "hang2"), "盛": ("sheng4", "cheng2"), "曾": ("zeng1", "ceng2"),
    "重": ("zhong4", "chong2"), "娜": ("na4", "nuo2"), "柏": ("bai3", "bo2"), "单": ("dan1", "shan4"),
    "强": ("qiang2", "jiang4"), "宿": ("su4", "xiu3"), "珈": ("jia1", "jia1"), "翟": ("zhai2", "di2"),
}  # fmt: skip
# Traditional forms of the commonest family and given names; both spellings meet in the simplified one.
_PAIRS = (
    "張张陳陈劉刘楊杨趙赵黃黄吳吴孫孙馬马鄭郑謝谢許许韓韩馮冯鄧邓蕭萧葉叶閻阎餘余蘇苏呂吕盧卢蔣蒋賈贾鐘钟鍾钟薑姜範范譚谭鄒邹陸陆"
    "龍龙萬万錢钱湯汤賴赖龔龚顧顾嚴严喬乔賀贺歐欧陽阳聶聂齊齐魯鲁畢毕紀纪項项榮荣遲迟關关諸诸駱骆塗涂麥麦鮑鲍龐庞簡简華华單单"
    "麗丽偉伟強强軍军傑杰國国業业義义輝辉興兴慶庆鳳凤蘭兰瓊琼寶宝學学書书東东雲云飛飞龍龙貴贵勝胜嬌娇潔洁靜静豔艳愛爱夢梦婭娅瑩莹"
    "穎颖衛卫維维剛刚鋼钢銀银鐵铁鑫鑫鵬鹏遠远達达連连進进運运順顺領领頌颂顏颜風风齡龄樂乐歡欢豐丰澤泽濤涛潤润淵渊漢汉"
)  # fmt: skip
_SIMPLE = str.maketrans({_PAIRS[i]: _PAIRS[i + 1] for i in range(0, len(_PAIRS), 2)})
_TONE = re.compile(r"\d")

# Palladius: initials and finals of pinyin in Cyrillic letters.
_INITIALS = {
    "zh": "чж", "ch": "ч", "sh": "ш", "b": "б", "p": "п", "m": "м", "f": "ф", "d": "д", "t": "т", "n": "н", "l": "л",
    "g": "г", "k": "к", "h": "х", "j": "цз", "q": "ц", "x": "с", "r": "ж", "z": "цз", "c": "ц", "s": "с",
}  # fmt: skip
_FINALS = {
    "iang": "ян", "iong": "юн", "uang": "уан", "ueng": "ун", "ang": "ан", "eng": "эн", "ing": "ин", "ong": "ун",
    "ian": "янь", "iao": "яо", "uai": "уай", "uan": "уань", "üan": "юань", "ai": "ай", "an": "ань", "ao": "ао",
    "ei": "эй", "en": "энь", "er": "эр", "ia": "я", "ie": "е", "in": "инь", "iu": "ю", "ou": "оу", "ua": "уа",
    "ue": "юэ", "üe": "юэ", "ui": "уй", "un": "унь", "ün": "юнь", "uo": "о", "a": "а", "e": "э", "i": "и", "o": "о",
    "u": "у", "ü": "юй",
}  # fmt: skip
_WHOLE = {
    "zi": "цзы", "ci": "цы", "si": "сы", "zhi": "чжи", "hui": "хуэй", "yi": "и", "ya": "я", "yo": "йо", "ye": "е",
    "yao": "яо", "you": "ю", "yan": "янь", "yin": "инь", "yang": "ян", "ying": "ин", "yong": "юн", "yu": "юй",
    "yue": "юэ", "yuan": "юань", "yun": "юнь", "wu": "у", "wa": "ва", "wo": "во", "wai": "вай", "wei": "вэй",
    "wan": "вань", "wen": "вэнь", "wang": "ван", "weng": "вэн",
}  # fmt: skip


def simple(text: str) -> str:
    """The text with the commonest traditional characters of names in their simplified form."""
    return text.translate(_SIMPLE)


@lru_cache(maxsize=65536)
def syllables(char: str, family: bool = False) -> tuple[str, ...]:
    """Readings of one character with tone digits, likeliest first, at most two; "lü" is written so."""
    if family and char in _AS_FAMILY:
        return (_AS_FAMILY[char],)
    if not family and char in _TWO_WAYS:
        return tuple(dict.fromkeys(_TWO_WAYS[char]))
    from pypinyin import Style, pinyin  # its dictionaries take 50 MiB: only where a Chinese name is met

    found = pinyin(char, style=Style.TONE3, v_to_u=True, neutral_tone_with_five=True)
    return tuple(found[0][:1]) if found else ()


@lru_cache(maxsize=4096)
def untoned(syllable: str) -> str:
    """ "lü3" -> "lv": no tone, and v for ü, as it is typed."""
    return _TONE.sub("", syllable).replace("ü", "v")


@lru_cache(maxsize=4096)
def typed_forms(syllable: str) -> tuple[str, ...]:
    """How people type it: "lü3" is lv or lu; all others have one form."""
    bare = untoned(syllable)
    return (bare, bare.replace("v", "u")) if "v" in bare else (bare,)


@lru_cache(maxsize=4096)
def palladius(syllable: str) -> str:
    """A pinyin syllable in Cyrillic letters: "wang2" -> "ван"."""
    bare = _TONE.sub("", syllable)
    if bare in _WHOLE:
        return _WHOLE[bare]
    for size in (2, 1):
        if bare[:size] in _INITIALS:
            final = bare[size:]
            if bare[:size] in ("j", "q", "x"):
                final = final.replace("u", "ü", 1) if final[:1] == "u" else final
            return _INITIALS[bare[:size]] + _FINALS.get(final, "")
    return _FINALS.get(bare, "")


def _letters(text: str) -> list[str]:
    return [c for c in simple(text) if is_han(c)]


def name_syllables(family: str, given: str) -> tuple[list[str], list[list[str]]]:
    """Family name's syllables (one reading) and given name's possible readings (at most four), all with tones."""
    first = [syllables(c, family=True)[0] for c in _letters(family) if syllables(c, family=True)]
    each = [syllables(c) for c in _letters(given)]
    rest = [list(choice) for choice, _ in zip(product(*each), range(4), strict=False)] if all(each) else []
    return first, rest


def grams(text: str) -> list[str]:
    """Characters and pairs of neighbours: 王小明 -> 王 小 明 王小 小明."""
    chars = _letters(text)
    return list(dict.fromkeys([*chars, *(a + b for a, b in pairwise(chars))]))


def gram_query(text: str) -> list[str]:
    """What must all be in a name that contains the text: its pairs, or the one character itself."""
    chars = _letters(text)
    return chars if len(chars) < 2 else list(dict.fromkeys(a + b for a, b in pairwise(chars)))


def same_sound(text: str) -> list[str]:
    """Pinyin without tones of each character: what names written with other characters of that sound have."""
    return list(dict.fromkeys(untoned(syllables(c)[0]) for c in _letters(text) if syllables(c)))


def keys(family: str, given: str) -> tuple[list[str], list[str]]:
    """(plain keys, Cyrillic words) of a Chinese name: grams, pinyin by syllable (tone or none), joined, initials."""
    first, rests = name_syllables(family, given)
    plain: dict[str, None] = dict.fromkeys(grams(family + given))
    cyrillic: dict[str, None] = {}
    for rest in rests or [[]]:
        both = [*first, *rest]
        for syllable in both:
            plain.update(dict.fromkeys((*typed_forms(syllable), syllable.replace("ü", "v"))))
        joined_first, joined_rest = "".join(map(untoned, first)), "".join(map(untoned, rest))
        plain.update(dict.fromkeys(filter(None, (joined_first, joined_rest, joined_first + joined_rest))))
        if joined_first and joined_rest:
            plain["".join(s[0] for s in map(untoned, both))] = None
        cyrillic.update(dict.fromkeys(filter(None, ("".join(map(palladius, first)), "".join(map(palladius, rest))))))
    return list(plain), list(cyrillic)
