"""ONE-CLICK ENTRY: be one of the generated members without a password. For the demo, and for nothing else.

It lets somebody try the site as two people. Three things hold it back, each enough: only generated members, who are nobody's
account, can be entered; the connection must come from this machine, without a proxy; and the page was asked for by a
loopback name. To anybody else these pages are not there (404).
"""

from __future__ import annotations

from ipaddress import ip_address

from vivace import Request, Response, Router, flash, get_object_or_404, redirect, render
from vivace.auth import login
from vivace.demo.models import Member
from vivace.errors import NotFound

ADDRESSES = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}  # browsers keep the cookies of these apart
PROXIES = ("forwarded", "x-forwarded-for", "via")  # what they add to the requests that they pass on
OFFERED = 12


async def on_this_machine(request: Request) -> None:
    """Answer 404 to everybody who does not sit at this machine: a guard."""
    address = request.client[0] if request.client else ""
    is_direct = not any(name in request.headers for name in PROXIES)
    if not (is_direct and is_loopback(address) and host_of(request)[0] in ADDRESSES):
        raise NotFound("Nothing here.")


router = Router("/somebody-else", guards=[on_this_machine])


@router.get("", name="somebody")
async def choose(request: Request) -> Response:
    """Show whom one can be."""
    name, port = host_of(request)
    offered = Member.objects.filter(is_generated=True).order_by("id")[:OFFERED]
    return render(
        request, "somebody.html", members=offered, other=f"http://{ADDRESSES[name]}{port}{request.path}"
    )


@router.post("/{handle}", name="be_somebody")
async def be(request: Request, handle: str) -> Response:
    """Go on as a generated member."""
    member = await get_object_or_404(Member, handle=handle, is_generated=True)
    await login(request, member)
    flash(request, f"You are {member} now.", "success")
    return redirect("front")


def host_of(request: Request) -> tuple[str, str]:
    """Return the name that the page was asked for by, and its port as ``:8000``."""
    name, colon, port = request.headers.get("host", "").partition(":")
    return name, colon + port


def is_loopback(address: str) -> bool:
    """Say whether an address is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
