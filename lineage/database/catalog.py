"""What PostgreSQL's catalog says of the present schema: queries for :mod:`.definitions`.

What belongs to an extension may stand beside, and is left out.
"""

from __future__ import annotations

from typing import Final

RELATIONS: Final = """
SELECT 'relation ' || relname, relkind::text || relpersistence::text ||
relrowsecurity::text || relforcerowsecurity::text || coalesce(reloptions::text, '')
FROM pg_class c
WHERE relnamespace = current_schema()::regnamespace AND relkind <> 'i'
AND NOT EXISTS (SELECT 1
FROM pg_depend d
WHERE d.objid = c.oid AND d.deptype = 'e')
"""
"""Tables, views and sequences, and who hides rows of them."""

COLUMNS: Final = """
SELECT 'column ' || relname || '.' || attname, format_type(atttypid, atttypmod) || ' ' ||
attnotnull::text || ' ' || attidentity::text || attgenerated::text || ' ' ||
coalesce(pg_get_expr(adbin, adrelid), '')
FROM pg_attribute a
JOIN pg_class c ON c.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = current_schema()::regnamespace
AND relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped
AND NOT EXISTS (SELECT 1
FROM pg_depend d
WHERE d.objid = c.oid AND d.deptype = 'e')
"""
"""Columns, their types and defaults."""

INHERITANCE: Final = """
SELECT 'inheritance ' || child.relname, parent.relname
FROM pg_inherits
JOIN pg_class child ON child.oid = inhrelid
JOIN pg_class parent ON parent.oid = inhparent
WHERE parent.relnamespace = current_schema()::regnamespace AND parent.relkind <> 'I'
"""
"""Tables that inherit: their rows show in the other."""

CONSTRAINTS: Final = """
SELECT 'constraint ' || conname, pg_get_constraintdef(c.oid)
FROM pg_constraint c
WHERE connamespace = current_schema()::regnamespace AND contype <> 't'
AND NOT EXISTS (SELECT 1
FROM pg_depend d
WHERE d.objid = c.oid AND d.deptype = 'e')
"""
"""Checks, keys and unique constraints."""

INDEXES: Final = """
SELECT 'index ' || r.relname, indisvalid::text || ' ' || pg_get_indexdef(r.oid)
FROM pg_index
JOIN pg_class r ON r.oid = indexrelid
WHERE r.relnamespace = current_schema()::regnamespace
AND NOT EXISTS (SELECT 1
FROM pg_depend d
WHERE d.objid = r.oid AND d.deptype = 'e')
"""
"""Indexes."""

TRIGGERS: Final = """
SELECT 'trigger ' || tgname || CASE WHEN count(*) OVER (PARTITION BY tgname) > 1 THEN ' on
' || relname ELSE '' END, tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
FROM pg_trigger t
JOIN pg_class r ON r.oid = tgrelid
WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
"""
"""Triggers, and for whom they fire."""

KEY_TRIGGERS: Final = """
SELECT 'key triggers of ' || conname, string_agg(tgenabled::text || ' ' || p.proname, ', '
ORDER BY p.proname)
FROM pg_trigger t
JOIN pg_constraint c ON c.oid = tgconstraint
JOIN pg_proc p ON p.oid = tgfoid
WHERE tgisinternal AND connamespace = current_schema()::regnamespace
GROUP BY conname
"""
"""The triggers by which PostgreSQL holds foreign keys."""

RULES: Final = """
SELECT 'rule ' || rulename || ' on ' || relname, pg_get_ruledef(w.oid)
FROM pg_rewrite w
JOIN pg_class r ON r.oid = ev_class
WHERE relnamespace = current_schema()::regnamespace
AND NOT EXISTS (SELECT 1
FROM pg_depend d
WHERE d.objid = r.oid AND d.deptype = 'e')
"""
"""Rules."""

POLICIES: Final = """
SELECT 'policy ' || polname || ' on ' || relname, coalesce(pg_get_expr(polqual, polrelid),
'')
FROM pg_policy
JOIN pg_class r ON r.oid = polrelid
WHERE relnamespace = current_schema()::regnamespace
"""
"""Policies that hide rows."""

FUNCTIONS: Final = """
SELECT 'function ' || proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
lanname || ' ' || prosecdef::text || ' ' || coalesce(proconfig::text, '') || ' ' || prosrc
FROM pg_proc p
JOIN pg_language l ON l.oid = prolang
WHERE pronamespace = current_schema()::regnamespace
AND NOT EXISTS (SELECT 1
FROM pg_depend d
WHERE d.objid = p.oid AND d.deptype = 'e')
"""
"""Functions."""

DEFINITIONS: Final = (
    RELATIONS,
    COLUMNS,
    INHERITANCE,
    CONSTRAINTS,
    INDEXES,
    TRIGGERS,
    KEY_TRIGGERS,
    RULES,
    POLICIES,
    FUNCTIONS,
)
"""Each gives the kind and name of an object, and its definition."""

RULED: Final = """
SELECT relname
FROM pg_class c
JOIN pg_rewrite ON ev_class = c.oid
WHERE relnamespace = current_schema()::regnamespace
AND NOT EXISTS (SELECT 1
FROM pg_depend d
WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1
"""
"""Tables with a rule, and views."""

SWITCHED_OFF: Final = """
SELECT relname || CASE WHEN tgisinternal THEN '' ELSE '.' || tgname END
FROM pg_trigger t
JOIN pg_class r ON r.oid = tgrelid
WHERE relnamespace = current_schema()::regnamespace AND tgenabled <> 'O'
GROUP BY 1
ORDER BY 1
"""
"""Tables of which a trigger does not fire."""

NOT_VALIDATED: Final = """
SELECT conname
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
ORDER BY 1
"""
"""Constraints that were not held against the rows that are there."""

REPLICAS: Final = """
SELECT coalesce('role ' || rolname, 'the database')
FROM pg_db_role_setting s
LEFT JOIN pg_roles r ON r.oid = setrole, unnest(setconfig) AS one
WHERE one ILIKE 'session_replication_role=%%' AND one NOT ILIKE '%%=origin' AND
setdatabase IN (0, (SELECT oid
FROM pg_database
WHERE datname = current_database()))
"""
"""Who writes as a replica does, for whom no trigger fires."""

KEYS: Final = """
SELECT child.relname, parent.relname, inside.nspname, beside.nspname,
ARRAY(SELECT attname::text
FROM unnest(conkey) WITH ORDINALITY AS k(n, i)
JOIN pg_attribute ON attrelid = conrelid AND attnum = n
ORDER BY i), ARRAY(SELECT attname::text
FROM unnest(confkey) WITH ORDINALITY AS k(n, i)
JOIN pg_attribute ON attrelid = confrelid AND attnum = n
ORDER BY i)
FROM pg_constraint
JOIN pg_class child ON child.oid = conrelid
JOIN pg_class parent ON parent.oid = confrelid
JOIN pg_namespace inside ON inside.oid = child.relnamespace
JOIN pg_namespace beside ON beside.oid = parent.relnamespace
WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
ORDER BY 1, 2, conname
"""
"""Foreign keys: the tables, their schemas, and their columns; all names as they are, unquoted."""
