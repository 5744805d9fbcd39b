// Big figures made short: 12,300 → 1.23万 in Chinese, 12.3K in English.
export function short(value: number, language: string): string {
  const isChinese = language.startsWith("zh");
  if (Math.abs(value) < (isChinese ? 10_000 : 1_000)) {
    return new Intl.NumberFormat(language || "en", { maximumFractionDigits: 2 }).format(value);
  }
  return new Intl.NumberFormat(isChinese ? "zh-CN" : "en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
}
