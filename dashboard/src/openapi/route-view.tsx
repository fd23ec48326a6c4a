import { useState } from 'preact/hooks';
import { CopyButton } from '../ui/copy.js';
import { curlOf, type OpenApiDocument, type Parameter, type Route, schemaOf } from './document.js';
import { SchemaView, typeOf } from './schema-view.js';

/** The id under which a route can be linked to. */
export function anchorOf({ method, path, operation }: Route): string {
  return operation.operationId ?? `${method}${path.replaceAll(/[^a-zA-Z0-9]+/g, '-')}`;
}

/** One route; what it takes and answers is only made when somebody opens it. */
export function RouteView({ document, route }: { document: OpenApiDocument; route: Route }) {
  const { method, path, operation } = route;
  const [isOpen, setOpen] = useState(window.location.hash === `#${anchorOf(route)}`);
  const role = operation['x-role'] ?? 'any token';
  return (
    <details
      class="panel route"
      id={anchorOf(route)}
      open={isOpen}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <span class={`method ${method}`}>{method.toUpperCase()}</span>
        <code class="route-path">{path}</code>
        <span class="route-about">{operation.summary}</span>
        <span class={`role ${role}`}>{role}</span>
      </summary>
      {isOpen && <RouteBody document={document} route={route} />}
    </details>
  );
}

function RouteBody({ document, route }: { document: OpenApiDocument; route: Route }) {
  const { parameters = [], requestBody, responses = {}, description } = route.operation;
  const body = schemaOf(requestBody?.content);
  const curl = curlOf(document, route, window.location.origin);
  return (
    <div class="route-body">
      {description && <p>{description}</p>}
      {parameters.length > 0 && <Parameters document={document} parameters={parameters} />}
      {body?.schema && (
        <>
          <h3>Body {requestBody?.required === false && <span class="quiet">optional</span>}</h3>
          <SchemaView document={document} schema={body.schema} />
        </>
      )}
      <h3>Answers</h3>
      <ul class="answers">
        {Object.entries(responses).map(([status, response]) => {
          const content = schemaOf(response.content);
          return (
            <li key={status}>
              <strong>{status}</strong> {response.description}
              {content && <span class="quiet"> {content.mediaType}</span>}
              {content?.schema && (
                <details>
                  <summary>{typeOf(document, content.schema)}</summary>
                  <SchemaView document={document} schema={content.schema} />
                </details>
              )}
            </li>
          );
        })}
      </ul>
      <div class="panel-head">
        <h3>Example</h3>
        <CopyButton text={curl} what="the example" />
      </div>
      <pre>{curl}</pre>
    </div>
  );
}

function Parameters({
  document,
  parameters,
}: {
  document: OpenApiDocument;
  parameters: readonly Parameter[];
}) {
  return (
    <>
      <h3>Parameters</h3>
      <table class="data">
        <thead>
          <tr>
            <th>Name</th>
            <th>In</th>
            <th>Type</th>
            <th>What it is</th>
          </tr>
        </thead>
        <tbody>
          {parameters.map(({ name, in: place, required, description, schema }) => (
            <tr key={`${place}-${name}`}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td data-label="in">
                {place}
                {required && ', required'}
              </td>
              <td data-label="type">{schema ? typeOf(document, schema) : 'string'}</td>
              <td data-label="what">{description ?? schema?.description ?? <span class="quiet">–</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
