import { useState } from 'preact/hooks';
import { useResource } from '../api/use-resource.js';
import { type OpenApiDocument, routesByTag } from '../openapi/document.js';
import { anchorOf, RouteView } from '../openapi/route-view.js';
import { Empty, Loaded, Page } from '../ui/page.js';

/** The reference of the API, made from the document that the server makes from its routes. */
export function ApiPage() {
  const document = useResource<OpenApiDocument>('/openapi.json', { isLive: false });
  const [words, setWords] = useState('');
  return (
    <Page
      title="API"
      about="Every route of this server, with the least role that may call it."
      actions={
        <a class="button" href="/openapi.json" target="_blank" rel="noreferrer">
          OpenAPI 3.1
        </a>
      }
    >
      <div class="filters">
        <label class="grow">
          Find a route
          <input type="search" value={words} onInput={({ currentTarget }) => setWords(currentTarget.value)} />
        </label>
      </div>
      <Loaded of={document}>
        {(loaded) => <Reference document={loaded} words={words.trim().toLowerCase()} />}
      </Loaded>
    </Page>
  );
}

function Reference({ document, words }: { document: OpenApiDocument; words: string }) {
  const tags = routesByTag(document)
    .map(([tag, routes]) => {
      const fits = routes.filter(({ method, path, operation }) =>
        `${tag} ${method} ${path} ${operation.summary ?? ''}`.toLowerCase().includes(words),
      );
      return [tag, fits] as const;
    })
    .filter(([, routes]) => routes.length > 0);
  if (tags.length === 0) {
    return (
      <div class="panel">
        <Empty title="No route has these words." />
      </div>
    );
  }
  return (
    <>
      {tags.map(([tag, routes]) => (
        <section key={tag} class="route-group" aria-label={tag}>
          <h2>{tag}</h2>
          {routes.map((route) => (
            <RouteView key={anchorOf(route)} document={document} route={route} />
          ))}
        </section>
      ))}
    </>
  );
}
