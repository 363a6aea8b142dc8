/* The look of this site. Vivace's own stylesheet is weak: whatever stands here wins. */
:root {
  --vv-accent: #14655a;
  --vv-accent-strong: #0d4a42;
  --vv-accent-soft: #e3f2ef;
}

@media (prefers-color-scheme: dark) {
  :root {
    --vv-accent: #6fd3c2;
    --vv-accent-strong: #97e3d6;
    --vv-accent-soft: #16342f;
    --vv-on-accent: #06231e;
  }
}

/* as wide as the window, although what stands in it is not */
.site-header {
  background: var(--vv-surface);
  box-shadow: 0 0 0 100vmax var(--vv-surface), 0 1px 0 100vmax var(--vv-line);
  clip-path: inset(0 -100vmax -1px);
}

.site-header .vv-brand {
  font-size: 1.125rem;
}

.notes {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr));
  gap: 1rem;
  max-width: none;
  padding: 0;
  list-style: none;
}

.notes > li {
  padding: 1rem 1.25rem;
  background: var(--vv-surface);
  border: 1px solid var(--vv-line);
  border-top: 4px solid var(--vv-accent);
  border-radius: var(--vv-radius);
}

.notes p {
  margin: 0;
}

.notes p + p {
  margin-top: 0.75rem;
  font-size: 0.875rem;
}
