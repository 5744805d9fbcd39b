"""The player, and the sound it reads."""

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from furrow.organisation.http import Request, requires
from furrow.organisation.rules import Act

from .actions import heard_by, listen
from .models import Recording
from .queries import file_of
from .rules import byte_range, check_there, peaks

_MOST_BYTES = 1 << 20  # in one answer: a minute of sound


@requires(Act.LISTEN)
@require_POST
def listen_(request: Request, call_id: int) -> HttpResponse:
    """A player with waveform. To listen is to look at personal data, so it is a POST (I2)."""
    visible = Recording.objects.visible_to(request.user).select_related("call")
    recording = get_object_or_404(visible, call_id=call_id)
    file = file_of(recording)
    check_there(is_erased=recording.erased_at is not None or not file.exists())
    key = listen(recording=recording, by=request.user, at=timezone.now())
    context = {"recording": recording, "key": key, "bars": _bars(recording)}
    return render(request, "recordings/player.html", context)


@requires(Act.LISTEN)
@require_GET
def sound(request: Request, key: str) -> HttpResponseBase:
    """The sound itself, for whom the key was made, in the pieces that a player asks for."""
    visible = Recording.objects.visible_to(request.user).filter(erased_at=None)
    recording = get_object_or_404(visible, pk=heard_by(key, user=request.user))
    file = file_of(recording)
    if not file.exists():
        raise Http404
    size = file.stat().st_size
    asked = byte_range(request.headers.get("Range", ""), size)
    if asked is None:
        response: HttpResponseBase = FileResponse(file.open("rb"), content_type="audio/wav")
    else:
        first, last = asked
        last = min(last, first + _MOST_BYTES - 1)  # fewer than asked for is an answer too
        with file.open("rb") as opened:
            opened.seek(first)
            response = HttpResponse(
                opened.read(last - first + 1), content_type="audio/wav", status=206
            )
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Accept-Ranges"] = "bytes"
    return response


def _bars(recording: Recording) -> list[tuple[int, int, int, int, int]]:
    """x, and top and height of either side, in a picture 200 high whose middle is at 100."""
    shape = peaks(file_of(recording))
    agent = shape.agent or [0] * len(shape.customer)
    return [
        (x, 100 - max(1, said), max(1, said), 100, max(1, heard))
        for x, (said, heard) in enumerate(zip(shape.customer, agent, strict=True))
    ]
