-- Computes averageProductsCreatedPerYear from what the router sends of a user.

CREATE FUNCTION fn_average_products(representation jsonb) RETURNS int
LANGUAGE sql IMMUTABLE
RETURN round((representation ->> 'total_products_created')::numeric / (representation ->> 'years_of_employment')::int);
