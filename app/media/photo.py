"""Makes any photo from a phone the one kind that is kept: an upright JPEG of at most 300 kB without metadata.

Decides how small it becomes; where, when and with what it was taken is not kept. Never stores anything.
"""

from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

from app.domain.errors import DomainError

LARGEST_IN_BYTES = 8 * 1024 * 1024
LARGEST_OUT_BYTES = 300_000
LARGEST_PIXELS = 60_000_000  # a telephone's best camera; a bomb unpacks to more
READABLE = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
LONGEST_SIDES_PX = (1600, 1280, 1024, 800, 640)
QUALITIES = (82, 70, 58)


class PhotoUnreadable(DomainError):
    """The file is no picture that we can read."""

    code = "photo_unreadable"
    status = 422


class PhotoTooLarge(DomainError):
    """More than 8 MB, or more pixels than any camera makes. Fact: `most_mb`."""

    code = "photo_too_large"
    status = 413


def reencode(data: bytes) -> bytes:
    """Make it a JPEG of at most `LARGEST_OUT_BYTES`. Raises PhotoUnreadable or PhotoTooLarge."""
    if len(data) > LARGEST_IN_BYTES:
        raise PhotoTooLarge(most_mb=LARGEST_IN_BYTES // 1024 // 1024)
    picture = _upright(data)
    for longest in LONGEST_SIDES_PX:
        smaller = picture.copy()
        smaller.thumbnail((longest, longest))
        for quality in QUALITIES:
            jpeg = _jpeg(smaller, quality)
            if len(jpeg) <= LARGEST_OUT_BYTES:
                return jpeg
    raise PhotoTooLarge(most_mb=LARGEST_IN_BYTES // 1024 // 1024)


def _upright(data: bytes) -> Image.Image:
    try:
        with Image.open(BytesIO(data), formats=READABLE) as opened:
            if opened.width * opened.height > LARGEST_PIXELS:
                raise PhotoTooLarge(most_mb=LARGEST_IN_BYTES // 1024 // 1024)
            opened.draft("RGB", (LONGEST_SIDES_PX[0], LONGEST_SIDES_PX[0]))
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PhotoUnreadable from error
    picture.info.clear()  # or a comment and a colour profile would be written again
    return picture


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    written = BytesIO()
    picture.save(written, "JPEG", quality=quality, optimize=True)
    return written.getvalue()
