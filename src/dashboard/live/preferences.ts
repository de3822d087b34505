/** What the page remembers of its reader, on their own machine. A browser that keeps nothing is no error. */

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

function read(key: string): string {
  try {
    return localStorage.getItem(`heddle.${key}`) ?? "";
  } catch {
    return "";
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(`heddle.${key}`, value);
  } catch {
    // Then it is asked for again.
  }
}

export function readTheme(): Theme {
  const theme = read("theme");
  return theme === "light" || theme === "dark" ? theme : "system";
}

/** Shows it, and remembers it. */
export function setTheme(theme: Theme): void {
  write("theme", theme);
  showTheme(theme);
}

export function showTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

/** Who acts, for the record. */
export const readAuthor = () => read("author");
export const writeAuthor = (author: string) => write("author", author);
