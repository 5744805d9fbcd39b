// What the server tells the scripts about this page: <meta name="furrow-…"> and #texts.

export function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="furrow-${name}"]`)?.content ?? "";
}

/** A translated text from <div id="texts" data-…>; the key is camelCase. */
export function text(key: string): string {
  return document.getElementById("texts")?.dataset[key] ?? key;
}

export function cookie(name: string): string {
  return document.cookie.match(`(?:^|; )${name}=([^;]*)`)?.[1] ?? "";
}

/** Delegated listener: `handle` gets the closest element matching `selector`. */
export function on<K extends keyof DocumentEventMap>(
  kind: K,
  selector: string,
  handle: (element: HTMLElement, event: DocumentEventMap[K]) => void,
): void {
  document.addEventListener(kind, (event) => {
    const element = (event.target as Element | null)?.closest?.<HTMLElement>(selector);
    if (element) handle(element, event);
  });
}
