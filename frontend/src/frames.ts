// Server-sent events, parsed: feed it text in any pieces, it calls `tell` once per whole event.
export function frames(tell: (kind: string, data: unknown) => void): (piece: string) => void {
  let waiting = "";
  return (piece) => {
    waiting = (waiting + piece).replace(/\r\n?/g, "\n");
    let end: number;
    while ((end = waiting.indexOf("\n\n")) >= 0) {
      const lines = waiting.slice(0, end).split("\n");
      waiting = waiting.slice(end + 2);
      const field = (name: string) =>
        lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ""));
      const data = field("data").join("\n");
      if (data) tell(field("event").at(-1) ?? "message", JSON.parse(data));
    }
  };
}
