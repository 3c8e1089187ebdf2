"""What becomes of a photo: upright, small, and nothing told of where it was taken."""

from io import BytesIO

import pytest
from PIL import ExifTags, Image

from app.media.photo import LARGEST_IN_BYTES, LARGEST_OUT_BYTES, PhotoTooLarge, PhotoUnreadable, reencode


def written(picture: Image.Image, kind: str = "JPEG", **more: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def noise(side: int) -> Image.Image:
    return Image.effect_noise((side, side), 120).convert("RGB")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_whatever_a_phone_sends_becomes_a_small_jpeg(kind: str) -> None:
    kept = reencode(written(noise(1200), kind))

    assert len(kept) <= LARGEST_OUT_BYTES
    with Image.open(BytesIO(kept)) as picture:
        assert picture.format == "JPEG"
        assert max(picture.size) <= 1600


def test_nothing_is_kept_of_where_and_when() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Some phone"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (31.0, 18.0, 0.0)

    kept = reencode(written(noise(64), exif=exif, comment=b"at home"))

    with Image.open(BytesIO(kept)) as picture:
        assert dict(picture.getexif()) == {}
        assert "comment" not in picture.info
    assert b"Some phone" not in kept


def test_a_photo_taken_sideways_is_set_upright() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6

    with Image.open(BytesIO(reencode(written(Image.new("RGB", (40, 20), "red"), exif=exif)))) as picture:
        assert picture.size == (20, 40)


def test_a_picture_with_transparency_is_kept_as_well() -> None:
    with Image.open(BytesIO(reencode(written(Image.new("RGBA", (30, 30), (1, 2, 3, 90)), "PNG")))) as picture:
        assert picture.mode == "RGB"


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff\xe0 not really", written(noise(300))[:400]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoUnreadable):
        reencode(data)


def test_what_is_too_large_is_refused_before_it_is_opened() -> None:
    with pytest.raises(PhotoTooLarge):
        reencode(b"\xff\xd8" + bytes(LARGEST_IN_BYTES))


def test_a_picture_that_unpacks_to_too_many_pixels_is_refused() -> None:
    with pytest.raises(PhotoTooLarge):
        reencode(written(Image.new("1", (10_000, 6_001)), "PNG"))
