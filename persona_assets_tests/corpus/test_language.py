import pytest

from persona_assets.corpus.language import detect_language

TEXTS = {
    "en": "The keeper of the lighthouse wrote down the height of the waves every morning.",
    "de": "Der Leuchtturmwärter schrieb jeden Morgen die Höhe der Wellen in sein Heft.",
    "fr": "Le gardien du phare notait chaque matin la hauteur des vagues dans son cahier.",
    "es": "El guardián del faro anotaba cada mañana la altura de las olas en su cuaderno.",
    "pt": "O guardião do farol anotava todas as manhãs a altura das ondas no seu caderno.",
    "pl": "Latarnik każdego ranka zapisywał w zeszycie wysokość fal na morzu.",
    "ru": "Смотритель маяка каждое утро записывал высоту волн в толстую тетрадь.",
    "uk": "Доглядач маяка щоранку записував висоту хвиль у товстий зошит.",
    "zh": "灯塔看守人每天早上都会把海浪的高度写在本子上。",
    "ja": "灯台守は毎朝、波の高さをノートに書き留めていました。",
    "ko": "등대지기는 매일 아침 파도의 높이를 공책에 적었습니다.",
    "th": "ผู้ดูแลประภาคารบันทึกความสูงของคลื่นลงในสมุดทุกเช้า",
    "ar": "كان حارس المنارة يكتب ارتفاع الأمواج كل صباح في دفتره.",
    "hi": "प्रकाशस्तंभ का रखवाला हर सुबह लहरों की ऊँचाई अपनी कॉपी में लिखता था।",
}


@pytest.mark.parametrize("language", TEXTS)
def test_one_sentence_is_enough(language: str) -> None:
    assert detect_language(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", "ok", "1 2 3 4 5 6 7 8 9 10", "Menu"])
def test_no_language_is_claimed_for_what_has_none(text: str) -> None:
    assert detect_language(text) == "und"
