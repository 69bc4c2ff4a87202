"""Builds web archives for tests."""


def build_record(kind: str, url: str, payload: bytes, content_type: str) -> bytes:
    """Return one record of a WARC file."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Record-ID: <urn:test:{url}>\r\n"
        f"WARC-Date: 2024-01-01T00:00:00Z\r\nContent-Type: {content_type}\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload + b"\r\n\r\n"


def build_page(url: str, html: str, status: str = "200 OK", kind: str = "text/html", extra: str = "") -> bytes:
    """Return the response record of a page."""
    http = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{extra}\r\n{html}"
    return build_record("response", url, http.encode(), "application/http; msgtype=response")
