"""Audits of models that predict numbers. Membership shows in the residuals; see `residuals` for how they are read."""
