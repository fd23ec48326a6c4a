import { navigate, type Place } from '../router.js';
import { useStore } from '../store.js';
import { Icon } from '../ui/icons.js';
import { Popup } from '../ui/popup.js';
import { say } from '../ui/toasts.js';
import { chooseColumns, type ListName, useColumns } from './columns.js';
import { deleteView, MAX_NAME, saveView, type View, views } from './views.js';

/** The views of a list that were saved in this browser, and a field that saves the one on the page. */
export function ViewsMenu({ place, list }: { place: Place; list: ListName }) {
  const all = useStore(views).filter((view) => view.list === list);
  const columns = useColumns(list);
  const keep = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get('name') ?? '').trim();
    if (!name) return;
    const query = new URLSearchParams(place.query);
    query.delete('cursor');
    const isKept = saveView({ name, list, query: query.toString(), columns });
    if (!isKept) say('The browser keeps this view only until the page is closed.', 'bad');
    form.reset();
  };
  const open = ({ query, columns: own }: View) => {
    chooseColumns(list, own);
    navigate(query ? `${place.path}?${query}` : place.path);
  };
  return (
    <Popup label="Views">
      {all.length === 0 ? (
        <p class="quiet">A view is a filter with its order and columns. None is saved here yet.</p>
      ) : (
        <ul class="menu-lines">
          {all.map((view) => (
            <li key={view.name}>
              <button type="button" class="link" onClick={() => open(view)}>
                {view.name}
              </button>
              <button
                type="button"
                class="ghost square small"
                aria-label={`Delete the view ${view.name}`}
                onClick={() => deleteView(view)}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <form class="menu-form" onSubmit={keep}>
        <input
          name="name"
          required
          maxLength={MAX_NAME}
          placeholder="Name"
          aria-label="Name of this view"
          autocomplete="off"
        />
        <button type="submit">Save this view</button>
      </form>
    </Popup>
  );
}
