import { navigate, usePlace, withFilter } from '../router.js';

/** Fields whose texts are filters of the place: each by the name of its filter, with its label and an example. */
export function TextFilters({
  of,
}: {
  of: readonly (readonly [name: string, label: string, hint: string])[];
}) {
  const place = usePlace();
  return of.map(([name, label, hint]) => (
    <label key={name}>
      {label}
      <input
        value={place.query.get(name) ?? ''}
        placeholder={hint}
        spellcheck={false}
        onChange={({ currentTarget: { value } }) =>
          navigate(withFilter(place, { [name]: value.trim() }), { replace: true })
        }
      />
    </label>
  ));
}
