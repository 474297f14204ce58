"""Invented names and notes, in the scripts people write them in."""

from typing import Final

CAFE: Final = ("Café Morgentau", "cafe_morgentau")

# (given names, family names, whether the family name comes first), each name as written and as typed in ASCII.
# People get any combination of one row, so nobody in particular is meant.
Names = tuple[tuple[str, str], ...]
PEOPLES: Final[tuple[tuple[Names, Names, bool], ...]] = (
    (
        (("Maren", "maren"), ("Tobin", "tobin"), ("Odessa", "odessa"), ("Quill", "quill"), ("Ives", "ives")),
        (("Ashgrove", "ashgrove"), ("Fennimore", "fennimore"), ("Larkspur", "larkspur"), ("Wetherby", "wetherby")),
        False,
    ),
    (
        (("Íñigo", "inigo"), ("Lucía", "lucia"), ("Renée", "renee"), ("Joaquín", "joaquin"), ("Zoë", "zoe")),
        (("Valdeñarro", "valdenarro"), ("Beaumarchand", "beaumarchand"), ("Montesclaros", "montesclaros")),
        False,
    ),
    (
        (("Łucja", "lucja"), ("Žofie", "zofie"), ("Ağca", "agca"), ("Þórdís", "thordis"), ("Søren", "soren")),
        (("Wiśnogórska", "wisnogorska"), ("Bergstrøm-Ås", "bergstrom"), ("Çınaroğul", "cinarogul")),
        False,
    ),
    (
        (("Amina", "amina"), ("Kwabena", "kwabena"), ("Thandeka", "thandeka"), ("Sefu", "sefu")),
        (("Oseibonsu", "oseibonsu"), ("Adéyẹlú", "adeyelu"), ("N'Golowé", "ngolowe")),
        False,
    ),
    (
        (("Милена", "milena"), ("Радомир", "radomir"), ("Ярина", "yarina"), ("Тимур", "timur")),
        (("Соколенко", "sokolenko"), ("Берёзкина", "berezkina"), ("Вишневич", "vishnevich")),
        False,
    ),
    (
        (("Ελπίδα", "elpida"), ("Αρίων", "arion"), ("Δάφνη", "dafni")),
        (("Θαλασσάκη", "thalassaki"), ("Πευκίδης", "pefkidis")),
        False,
    ),
    (
        (("ليلى", "layla"), ("يوسف", "yusuf"), ("نورهان", "nurhan"), ("سمير", "samir")),
        (("الزهراوني", "alzahrawni"), ("المرجاني", "almarjani"), ("بن وادي", "benwadi")),
        False,
    ),
    (
        (("נועם", "noam"), ("תמר", "tamar"), ("אלון", "alon")),
        (("הר־זיתים", "harzeitim"), ("בן־גפן", "bengefen")),
        False,
    ),
    (
        (("आरव", "aarav"), ("मीरा", "meera"), ("ईशा", "isha"), ("विहान", "vihaan")),
        (("चंदनवाला", "chandanwala"), ("नीलगिरे", "nilgire")),
        False,
    ),
    (
        (("若溪", "ruoxi"), ("子墨", "zimo"), ("晓岚", "xiaolan"), ("嘉树", "jiashu")),
        (("竹", "zhu"), ("云", "yun"), ("欧阳", "ouyang")),
        True,
    ),
    (
        (("さくら子", "sakurako"), ("蓮太", "renta"), ("ひなた", "hinata")),
        (("月野原", "tsukinohara"), ("雨森", "amemori")),
        True,
    ),
    (
        (("하늘찬", "haneulchan"), ("서윤", "seoyun"), ("도담", "dodam")),
        (("남궁", "namgung"), ("선우", "seonu")),
        True,
    ),
    (
        (("ดารารัตน์", "dararat"), ("ภูผา", "phupha"), ("ใบบัว", "baibua")),
        (("ศรีสายธาร", "srisaithan"), ("ทองใบไม้", "thongbaimai")),
        False,
    ),
    (
        (("Minh Thư", "minhthu"), ("Đức Hải", "duchai"), ("Ngọc Ánh", "ngocanh")),
        (("Liễu", "lieu"), ("Mạc", "mac")),
        True,
    ),
)

NOTES: Final = (
    "rent",
    "pizza 🍕",
    "🍺🍺🍺",
    "taxi home 🚕",
    "tickets & popcorn",
    "my half of the gas bill",
    'the "good" olive oil',
    "<b>groceries</b>, 2 bags; tip = 10%",
    "☕",
    "👨‍👩‍👧‍👦 dinner",
    "👩‍❤️‍👩 anniversary 🎉",
    "babysitting 👶🏽🙏🏿",
    "match day 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🆚 🇰🇪",
    "🏳️‍🌈",
    "شكراً على العشاء الجميل",
    "فاتورة الكهرباء 💡",
    "תודה על הקפה ☕",
    "חצי מהשכירות",
    "चाय और समोसा",
    "किराया — जून",
    "火锅 AA 制 🍲",
    "生日快乐!🎂",
    "ค่าส้มตำเมื่อวาน 🌶️",
    "น้ำแข็งใส",
    "昨日のラーメン代",
    "떡볶이 🌶️ 반반",
    "за билеты в кино",
    "για τον καφέ",
    "café ☕ in a cafe\u0301",
    "long story: " + "and then we had another one, " * 9,
    "👨‍👩‍👧‍👦" * 120,
)

BAD_NOTES: Final = ("", "   ", "x" * 281, "bell \x07", "pay \u202eecila\u202c back", "two\nlines")
